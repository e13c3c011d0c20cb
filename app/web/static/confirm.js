"use strict";
// Asks before what can't be undone: data-confirm="Delete the note?" on a form, a button or a link. Inline handlers,
// such as onclick="return confirm(…)", are dropped by the content security policy.
(() => {
  function ask(event, question) {
    if (question === undefined || confirm(question)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  // On the window and before everything else, so that no other script has acted when the person says no. A form is
  // asked about when it is sent, however that came about: by a button, by the Enter key, or by a script.
  addEventListener("submit", (event) => {
    ask(event, event.submitter?.dataset.confirm ?? event.target.dataset.confirm);
  }, true);
  addEventListener("click", (event) => {
    const one = event.target.closest?.("[data-confirm]:not(form)");
    const sendsForm = one?.form && ["submit", "image"].includes(one.type);
    if (one && !sendsForm) ask(event, one.dataset.confirm);
  }, true);
})();
