/** @file To whom: one number or many, typed, pasted or chosen; wrong ones stay where they can be put right. */
import { isWhole, readRecipients } from "./address.js";
import { make } from "./dom.js";
import { complain, element } from "./elements.js";
import { checkNumber, writeNumber } from "./number.js";
import { say, sayCount } from "./say.js";
import * as suggest from "./suggest.js";
import { announce, keepText, tool, whenReleased } from "./tools.js";

/** @typedef {import("./draft.js").Recipient} Recipient */

const input = element("fax_to", HTMLInputElement);
const box = element("to-box", HTMLElement);
const list = element("recipients", HTMLUListElement);
const hintPlace = element("fax_to-hint", HTMLElement);

/** @type {Recipient[]} */
let added = [];
/** @type {Map<string, string>} what the server has against a number */
let refused = new Map();
let editing = -1;
/** Takes what stands in the editor that is open; false when it can't be dialled. */
let takeEdited = () => true;
let changed = () => {};
/** What happened to what was added last, in the place of the hint until something else happens. */
let remark = "";

/** All recipients, also what is typed and not yet taken. @returns {Recipient[]} */
export const all = () => [...added, ...(input.value.trim() ? readRecipients(input.value) : [])];

/** @param {() => void} listener called when the recipients are others */
export function listen(listener) {
  changed = listener;
  suggest.listen(input, (recipient) => add([recipient]));
  input.addEventListener("input", () => { complain("fax_to", ""); remark = ""; hint(); changed(); });
  input.addEventListener("keydown", (event) => { if (press(event)) event.preventDefault(); });
  input.addEventListener("blur", () => whenReleased(() => {
    if (editing < 0 && document.activeElement !== input) commit(false);
  }));
  input.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    const pasted = readRecipients(text);
    if (input.value.trim() || (pasted.length < 2 && !pasted[0]?.name)) return; // a single number is pasted as ever
    event.preventDefault();
    add(pasted);
  });
  box.addEventListener("click", (event) => { if (event.target === box || event.target === list) input.focus(); });
  list.addEventListener("keydown", (event) => { if (pressChip(event)) event.preventDefault(); });
}

/**
 * @param {KeyboardEvent} event
 * @returns {boolean} whether the key is used up
 */
function press(event) {
  const text = input.value.trim();
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "Enter") {
    const recipient = suggest.chosen() ?? (/\d/.test(text) ? null : suggest.only(text));
    if (recipient) add([recipient]);
    else if (text) commit(true);
    return Boolean(recipient || text || added.length); // an empty field alone lets the form say what is missing
  }
  if (event.key === "," || event.key === ";") return isWhole(text) && commit(true);
  if ((event.key === "Backspace" || event.key === "ArrowLeft") && !input.value && added.length) {
    chip(added.length - 1)?.focus();
    return true;
  }
  return false;
}

/**
 * Takes what is typed, unless it can't be dialled: then that is said, and it stays.
 * @param {boolean} stay whether one goes on typing here
 * @returns {boolean} whether nothing is left in the field
 */
export function commit(stay) {
  const typed = readRecipients(input.value);
  if (!typed.length) return true;
  const wrong = typed.map(({ number }) => checkNumber(number).problem).find(Boolean) ?? "";
  if (wrong && typed.length < 2) {
    complain("fax_to", wrong);
    return false;
  }
  input.value = "";
  add(typed);
  if (!stay) suggest.close(input);
  return true;
}

/** @param {Recipient[]} more */
function add(more) {
  let double = 0;
  let wrong = 0;
  for (const { number, name } of more) {
    const dialled = checkNumber(number);
    const twin = dialled.number ? added.find((one) => isSame(one.number, number)) : undefined;
    if (twin) {
      double++;
      twin.name ||= name;
    } else added.push({ number, name });
    if (dialled.problem) wrong++;
  }
  input.value = "";
  complain("fax_to", "");
  suggest.close(input);
  const words = [];
  if (more.length - double === 1) words.push(say("recipientAdded", { who: title(added[added.length - 1]) }));
  else if (more.length > double) words.push(sayCount("recipientsAdded", more.length - double));
  if (double) words.push(more.length === 1 ? say("recipientTwice", { who: title(more[0]) }) : sayCount("recipientsTwice", double));
  if (wrong) words.push(sayCount("recipientsWrong", wrong));
  remark = double || wrong ? words.join(" ") : "";
  draw();
  announce(words.join(" "));
  changed();
}

/**
 * Whether two numbers are the same for people: +1 202 555 0199 and 1 202 555 0199 are.
 * @param {string} one
 * @param {string} other
 */
function isSame(one, other) {
  return writeNumber(checkNumber(one).number) === writeNumber(checkNumber(other).number);
}

/** @param {Recipient | undefined} recipient */
function title(recipient) {
  if (!recipient) return "";
  const { number } = checkNumber(recipient.number);
  const written = number ? writeNumber(number) : recipient.number;
  return recipient.name ? `${recipient.name}, ${written}` : written;
}

/** @param {Recipient} recipient */
function problemOf({ number }) {
  return checkNumber(number).problem || refused.get(number) || "";
}

/** Draws the recipients; the field's words say what is to be known of all of them. */
function draw() {
  list.replaceChildren(...added.map((recipient, at) => (at === editing ? editor(recipient, at) : item(recipient, at))));
  list.hidden = !added.length;
  box.classList.toggle("filled", added.length > 0);
  input.required = !added.length;
  hint();
}

/**
 * @param {Recipient} recipient
 * @param {number} at
 */
function item(recipient, at) {
  const problem = problemOf(recipient);
  const { number } = checkNumber(recipient.number);
  const words = make("button", {
    type: "button", class: "who-to", tabindex: at === added.length - 1 ? 0 : -1, title: say("recipientEdit"),
    "aria-describedby": problem ? `recipient-problem-${at}` : "recipient-keys", onclick: () => edit(at),
  }, recipient.name && make("b", null, recipient.name), make("span", null, number ? writeNumber(number) : recipient.number || say("recipientNone")));
  const gone = tool("close", say("recipientRemove", { who: title(recipient) }), () => remove(at));
  gone.tabIndex = -1;
  return make("li", { class: problem ? "recipient wrong" : "recipient" }, words, gone,
    problem && make("p", { class: "error", id: `recipient-problem-${at}` }, problem));
}

/**
 * @param {Recipient} recipient
 * @param {number} at
 */
function editor(recipient, at) {
  const number = make("input", { id: "edit-number", class: "number", type: "tel", value: recipient.number, maxlength: 200, autocomplete: "off" });
  const name = make("input", { id: "edit-name", value: recipient.name, maxlength: 200, autocomplete: "off" });
  const error = make("p", { class: "error", id: "edit-number-error", role: "alert" });
  number.setAttribute("aria-describedby", error.id);
  const done = () => {
    const { problem } = checkNumber(number.value);
    error.textContent = problem;
    if (problem) return number.focus(), false;
    const twin = added.findIndex((one, index) => index !== at && isSame(one.number, number.value));
    added[at] = { number: number.value.trim(), name: name.value.trim() };
    if (twin >= 0) added.splice(at, 1);
    finish(twin >= 0 ? twin - Number(twin > at) : at);
    announce(say(twin >= 0 ? "recipientTwice" : "recipientChanged", { who: title(added[twin >= 0 ? twin - Number(twin > at) : at]) }));
    changed();
    return true;
  };
  takeEdited = done;
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) done();
    else if (event.key === "Escape") finish(at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return make("li", { class: "recipient editor", onkeydown: keys }, make("div", { role: "group", "aria-label": title(recipient) },
    make("p", { class: "field" }, make("label", { for: "edit-number" }, say("number")), number, error),
    make("p", { class: "field" }, make("label", { for: "edit-name" }, say("name"), " ", make("i", null, say("optional"))), name),
    make("p", { class: "actions" },
      make("button", { type: "button", class: "button", onclick: done }, say("done")),
      make("button", { type: "button", class: "button quiet", onclick: () => finish(at) }, say("cancel")),
      make("button", { type: "button", class: "button quiet", onclick: () => remove(at) }, say("remove")))));
}

/** @param {number} at */
export function edit(at) {
  if (!added[at]) return input.focus();
  editing = at;
  draw();
  element("edit-number", HTMLInputElement).select();
  element("edit-number", HTMLInputElement).focus();
}

/** @param {number} at */
function finish(at) {
  remark = "";
  editing = -1;
  draw();
  chip(at)?.focus();
}

/** @param {number} at */
function remove(at) {
  const [gone] = added.splice(at, 1);
  remark = "";
  editing = -1;
  draw();
  (chip(Math.min(at, added.length - 1)) ?? input).focus();
  announce(say("recipientRemoved", { who: title(gone) }));
  changed();
}

/** @param {number} at */
function chip(at) {
  const found = list.children[at]?.querySelector(".who-to");
  return found instanceof HTMLElement ? found : null;
}

/** @param {KeyboardEvent} event */
function pressChip(event) {
  const at = [...list.children].findIndex((one) => one.querySelector(".who-to") === event.target);
  if (at < 0) return false;
  if (event.key === "Delete" || event.key === "Backspace") remove(at);
  else if (event.key === "ArrowLeft") chip(Math.max(0, at - 1))?.focus();
  else if (event.key === "ArrowRight") (chip(at + 1) ?? input).focus();
  else if (event.key === "Home") chip(0)?.focus();
  else if (event.key === "End") input.focus();
  else return false;
  return true;
}

/** @param {Recipient[]} recipients */
export function restore(recipients) {
  remark = "";
  [added, editing] = [recipients.map(({ number, name }) => ({ number, name })), -1];
  input.value = "";
  complain("fax_to", "");
  draw();
}

/**
 * What the server has against some of the numbers.
 * @param {(Recipient & {problem: string})[]} recipients
 */
export function judge(recipients) {
  const found = new Map(recipients.filter(({ problem }) => problem).map(({ number, problem }) => [number, problem]));
  const same = found.size === refused.size && [...found].every(([number, problem]) => refused.get(number) === problem);
  refused = found;
  if (!same && editing < 0 && !list.contains(document.activeElement)) draw();
}

/**
 * Whether there is somebody to fax to, all with numbers that can be dialled; else it is said and focused.
 * @returns {boolean}
 */
export function complete() {
  if (editing >= 0 && !takeEdited()) return false;
  if (!commit(false)) return input.focus(), false;
  if (!added.length) {
    complain("fax_to", say("toMissing"));
    return input.focus(), false;
  }
  const wrong = added.findIndex((recipient) => problemOf(recipient));
  if (wrong < 0) return true;
  complain("fax_to", sayCount("recipientsWrong", added.filter((recipient) => problemOf(recipient)).length));
  edit(wrong);
  element("edit-number-error", HTMLElement).textContent = problemOf(added[wrong] ?? { number: "", name: "" });
  return false;
}

/**
 * Shows what the server says of one recipient, and leads there.
 * @param {number} at
 * @param {string} error
 */
export function refuse(at, error) {
  const recipient = added[at];
  if (!recipient) {
    complain("fax_to", error);
    return input.focus();
  }
  refused.set(recipient.number, error);
  edit(at);
  element("edit-number-error", HTMLElement).textContent = error;
}

function hint() {
  const { number } = checkNumber(input.value);
  if (number) keepText(hintPlace, say("toDials", { number: writeNumber(number) }));
  else if (remark) keepText(hintPlace, remark);
  else keepText(hintPlace, added.length > 1 ? sayCount("toEach", added.length) : say(added.length ? "toMore" : "toHint"));
}
