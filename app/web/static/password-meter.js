// Helps to choose a password: how long it is yet, what is plainly wrong with it, and a button that shows it. It sends
// nothing anywhere and knows less than the server, which decides.
"use strict";

(() => {
  const NUMBERS = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"];
  const COMMON = /password|passwort|passw|qwerty|letmein|iloveyou|welcome|admin|login|monkey|dragon|master|football|baseball|princess|sunshine|superman|shadow|secret|duet/g;
  const ROWS = ["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn"];
  const LEET = { 0: "o", 1: "l", 3: "e", 4: "a", 5: "s", 7: "t", "@": "a", $: "s", "!": "i" };

  const plain = (text) => text.normalize("NFKD").toLowerCase().replace(/\p{M}/gu, "");
  const letters = (text) => text.replace(/[^\p{L}]/gu, "");

  // How much of the text follows its neighbour in a row of keys or of letters, either way.
  function inRows(text) {
    let count = 0;
    for (let i = 1; i < text.length; i++) {
      const pair = text[i - 1] + text[i];
      if (ROWS.some((row) => row.includes(pair) || row.includes(text[i] + text[i - 1]))) count++;
    }
    return count / (text.length - 1);
  }

  function wrongWith(password, words) {
    const text = plain(password);
    for (let period = 1; period <= 6; period++) {
      if (text.startsWith(text.slice(period))) return "It repeats itself";
    }
    if (inRows(text) > 0.7) return "It is a row of keys";
    const word = text.replace(/[^\p{L}]+$/u, "");
    const meant = letters([...word].map((char) => LEET[char] || char).join(""));
    const rest = words.reduce((left, own) => left.replaceAll(own, ""), meant);
    if (rest.length < 4 && rest.length < meant.length) return "It is made of your name or address";
    if (rest && rest.replace(COMMON, "").length < 4) return "It is a common password";
    return "";
  }

  function wordsOf(input) {
    const form = input.form.elements;
    const typed = ["email", "name"].map((name) => form.namedItem(name)?.value || "");
    const words = plain([input.dataset.words, ...typed].join(" ")).split(/[^\p{L}]+/u);
    return words.filter((word) => word.length > 2).sort((one, other) => other.length - one.length);
  }

  function judge(input) {
    const length = [...input.value.normalize("NFC")].length;
    const missing = input.dataset.newPassword - length;
    if (!length) return [0, ""];
    if (missing > 0) {
      const share = Math.round((98 * length) / input.dataset.newPassword);
      return [share, `${NUMBERS[missing] || missing} more character${missing === 1 ? "" : "s"}`];
    }
    const fault = wrongWith(input.value, wordsOf(input));
    return fault ? [40, fault] : [100, "Good"];
  }

  for (const input of document.querySelectorAll("[data-new-password]")) {
    const box = input.parentElement.querySelector(".meter");
    if (!box.hidden) continue;
    box.hidden = false;
    const [meter, output, button] = box.children;
    let pause;

    const look = () => {
      const [value, text] = judge(input);
      meter.value = value;
      // After a pause: a screen reader would otherwise read a line for every key.
      clearTimeout(pause);
      pause = setTimeout(() => { if (output.value !== text) output.value = text; }, 400);
    };
    const show = (visible) => {
      input.type = visible ? "text" : "password";
      button.firstChild.data = visible ? "Hide" : "Show";
    };

    input.form.addEventListener("input", look);
    button.addEventListener("click", () => show(input.type === "password"));
    // Hidden again before it is sent: browsers offer what was typed into a plain field to whoever comes next.
    input.form.addEventListener("submit", () => show(false));
    look();
  }
})();
