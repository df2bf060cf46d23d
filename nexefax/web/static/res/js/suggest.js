/** @file Recent numbers, offered as one types: a combobox after the ARIA Authoring Practices (editable, with a list). */
import { get } from "./api.js";
import { make } from "./dom.js";
import { element } from "./elements.js";
import { writeNumber } from "./number.js";
import { sayCount } from "./say.js";
import { announce } from "./tools.js";

/** @typedef {import("./draft.js").Recipient} Recipient */

const ASK_AFTER = 120;
const MOST = 8;
const list = element("suggestions", HTMLUListElement);

/** @type {Recipient[]} */
let offered = [];
let active = -1;
let timer = 0;
let asked = 0;
/** What `offered` was offered for. */
let asks = "";

/** What Enter would take: the one chosen by the arrows. */
export const chosen = () => offered[active] ?? null;
/** The only one that fits what is typed, null for none, or where that is not known yet. @param {string} typed */
export const only = (typed) => (offered.length === 1 && typed === asks ? offered[0] : null) ?? null;

/**
 * @param {HTMLInputElement} input
 * @param {(recipient: Recipient) => void} take
 */
export function listen(input, take) {
  input.addEventListener("input", () => ask(input, ASK_AFTER));
  input.addEventListener("click", () => { if (list.hidden) ask(input, 0); });
  input.addEventListener("blur", () => close(input));
  input.addEventListener("keydown", (event) => {
    if (list.hidden) {
      if (event.key === "ArrowDown") { event.preventDefault(); ask(input, 0); }
      return;
    }
    if (event.key === "Escape") close(input);
    else if (event.key === "ArrowDown") mark(input, active + 1);
    else if (event.key === "ArrowUp") mark(input, active < 0 ? offered.length - 1 : active - 1);
    else return;
    event.preventDefault();
  });
  // Before the input loses the focus, which would close the list under the pointer.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const item = event.target instanceof Element ? event.target.closest("li") : null;
    const recipient = item ? offered[[...list.children].indexOf(item)] : null;
    if (recipient) take(recipient);
    input.focus();
  });
}

/** @param {HTMLInputElement} input */
export function close(input) {
  clearTimeout(timer);
  asked++;
  [offered, active] = [[], -1];
  list.hidden = true;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

/**
 * @param {HTMLInputElement} input
 * @param {number} milliseconds
 */
function ask(input, milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const turn = ++asked;
    const q = input.value.trim();
    const query = new URLSearchParams({ q, limit: String(MOST) });
    // Only a help: where it can't be had, nothing is said of it.
    const answer = await get(`/api/numbers?${query}`, { quiet: true }).catch(() => ({ numbers: [] }));
    if (turn === asked && document.activeElement === input) {
      asks = q;
      show(input, answer.numbers);
    }
  }, milliseconds);
}

/**
 * @param {HTMLInputElement} input
 * @param {Recipient[]} numbers
 */
function show(input, numbers) {
  [offered, active] = [numbers, -1];
  input.removeAttribute("aria-activedescendant");
  list.replaceChildren(...numbers.map(({ number, name }, at) =>
    make("li", { role: "option", id: `suggestion-${at}`, "aria-selected": "false" },
      name && make("b", null, name), make("span", null, writeNumber(number)))));
  list.hidden = !numbers.length;
  input.setAttribute("aria-expanded", String(!list.hidden));
  if (numbers.length && input.value) announce(sayCount("suggested", numbers.length));
}

/**
 * @param {HTMLInputElement} input
 * @param {number} at
 */
function mark(input, at) {
  active = at >= offered.length ? -1 : at;
  [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === active)));
  if (active < 0) return input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-activedescendant", `suggestion-${active}`);
  list.children[active]?.scrollIntoView({ block: "nearest" });
}
