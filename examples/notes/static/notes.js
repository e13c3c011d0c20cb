"use strict";
// Deletes a note by the API, without loading the page anew. Where there is no JavaScript, or no answer, the form of the
// button does it.
document.addEventListener("submit", async (event) => {
  const note = event.target.closest("[data-note]");
  if (!note) return;
  event.preventDefault();
  try {
    const csrf = document.querySelector('meta[name="csrf-token"]').content;
    const headers = { "X-CSRFToken": csrf };
    const answer = await fetch(`/api/notes/${note.dataset.note}`, { method: "DELETE", headers });
    if (!answer.ok) throw new Error(answer.status);
    note.remove();
    if (document.querySelector("[data-note]")) document.getElementById("main").focus();
    else location.reload(); // the page says that there is none
  } catch {
    event.target.submit(); // logged out meanwhile, say: the page can tell why
  }
});
