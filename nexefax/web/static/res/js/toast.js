/** @file Short news at the edge of the page: what was done, with a way to undo it, or why it could not be done. */
import { make } from "./dom.js";
import { say } from "./say.js";

const STAY_MS = 12_000;
const place = make("section", { class: "toasts", "aria-label": say("news") });
const spoken = make("p", { class: "unseen", role: "status" });
const urgent = make("p", { class: "unseen", role: "alert" });
document.body.append(place, spoken, urgent);

/** @type {(() => void) | null} */
let undoLast = null;
/** @type {(() => void) | null} */
let leaveLast = null;

/**
 * @param {string} words
 * @param {{undo?: () => Promise<void>, bad?: boolean}} [options]
 */
export function toast(words, { undo, bad = false } = {}) {
  leaveLast?.(); // what is not to be seen any more can't be undone either
  const note = make("div", { class: bad ? "toast bad" : "toast" }, make("p", null, words));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const leave = () => {
    clearTimeout(timer);
    note.remove();
    if (leaveLast === leave) [undoLast, leaveLast] = [null, null];
  };
  leaveLast = leave;
  const take = () => { leave(); void undo?.(); };
  if (undo) {
    undoLast = take;
    note.append(make("button", { type: "button", class: "button quiet", onclick: take }, say("undo")));
  }
  const stay = () => { clearTimeout(timer); timer = setTimeout(leave, STAY_MS); };
  for (const kind of ["pointerenter", "focusin"]) note.addEventListener(kind, () => clearTimeout(timer));
  for (const kind of ["pointerleave", "focusout"]) note.addEventListener(kind, stay);
  place.replaceChildren(note);
  stay();
  const voice = bad ? urgent : spoken;
  voice.textContent = "";
  voice.textContent = undo ? `${words} ${say("undoKey")}` : words;
}

/** Undoes what was done last, while that is still offered. */
export function undo() {
  undoLast?.();
}
