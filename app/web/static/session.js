"use strict";
// Lets a page notice that whom it was drawn for is signed in no more, or somebody else is: after a log-out in another
// tab, on coming back to it, and out of the back/forward cache. It asks GET /session then, and never otherwise.
(() => {
  const me = document.documentElement.dataset.user; // "" for nobody, undefined where the server could not tell
  if (me === undefined) return;
  const tabs = self.BroadcastChannel && new BroadcastChannel("duet");
  let timers = [];
  let isLeaving = false;

  async function check() {
    try {
      const answer = await fetch("/session", { cache: "no-store" });
      if (!answer.ok) return; // 503: the server can't tell just now
      const { user } = await answer.json();
      // Not reload(), which would send a form again: asked for anew, the page leads to the login, which says why.
      if ((user || "") === me || isLeaving) return;
      isLeaving = true;
      location.replace(location.pathname + location.search);
    } catch {
      // No network, or on the way to another page: what is on the screen stays.
    }
  }

  function checkAfter(...delays) {
    timers.forEach(clearTimeout);
    timers = delays.map((delay) => setTimeout(check, delay));
  }

  // The other tabs hear that somebody is logging out, and then for whom the next page was drawn.
  document.addEventListener("submit", (event) => {
    if (event.target.getAttribute("action") === "/logout") tabs?.postMessage(null);
  });
  tabs?.postMessage(me);
  if (!me) return;

  if (tabs) {
    tabs.onmessage = ({ data }) => {
      if (data === null) checkAfter(300, 1500); // it is under way, and may take a moment
      else if (data !== me) checkAfter(0);
    };
  }
  document.addEventListener("visibilitychange", () => document.hidden || check());
  addEventListener("pageshow", (event) => event.persisted && check());
})();
