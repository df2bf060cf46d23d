/** @file Dialogs: a question with fields, sent once, with what went wrong said inside; and things to look up. */
import { sentence } from "./api.js";
import { make } from "./dom.js";
import { say } from "./say.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} [type] of the input; "area" for several lines
 * @property {string} [value]
 * @property {string} [hint]
 * @property {boolean} [optional]
 * @property {string} [missing] what is said when it is empty
 * @property {string} [autocomplete]
 * @property {number} [most] characters
 */

let made = 0;

/**
 * Asks, and does what was asked for; the dialog stays open, with the reason, as long as that fails.
 * @template T
 * @param {object} question
 * @param {string} question.title
 * @param {string} [question.text]
 * @param {Field[]} [question.fields]
 * @param {HTMLElement[]} [question.more] further elements of the form
 * @param {string} question.go the button's words
 * @param {boolean} [question.danger]
 * @param {(values: Record<string, string>, form: HTMLFormElement) => Promise<T>} question.act throws ApiError with a sentence
 * @returns {Promise<T | null>} null when the person let it be
 */
export function ask({ title, text, fields = [], more = [], go, danger = false, act }) {
  const id = `dialog-${++made}`;
  const problem = make("p", { class: "problem", role: "alert" });
  const inputs = fields.map((field) => input(`${id}-${field.name}`, field));
  const button = make("button", { class: danger ? "button danger" : "button" }, go);
  const let_be = make("button", { type: "button", class: "button quiet" }, say("cancel"));
  const form = make("form", { method: "dialog", novalidate: true },
    make("h2", { id }, title), text && make("p", null, text), problem,
    ...inputs.map(({ place }) => place), ...more,
    make("p", { class: "actions" }, button, let_be));
  const dialog = make("dialog", { class: "ask", "aria-labelledby": id }, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let busy = false;
    /** @param {T | null} answer */
    const finish = (answer) => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    let_be.addEventListener("click", () => { if (!busy) finish(null); });
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); if (!busy) finish(null); });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy) return;
      const empty = inputs.find(({ field, control }) => !field.optional && !control.value.trim());
      if (empty) {
        problem.textContent = empty.field.missing ?? say("fillIn", { field: empty.field.label });
        return empty.control.focus();
      }
      busy = true;
      problem.textContent = "";
      button.setAttribute("aria-disabled", "true");
      try {
        finish(await act(Object.fromEntries(inputs.map(({ field, control }) => [field.name, control.value])), form));
      } catch (error) {
        problem.textContent = sentence(error);
        const field = error instanceof Error && "field" in error ? error.field : "";
        (inputs.find((one) => one.field.name === field) ?? inputs[0])?.control.focus();
      } finally {
        busy = false;
        button.removeAttribute("aria-disabled");
      }
    });
    dialog.showModal();
    (inputs[0]?.control ?? (danger ? let_be : button)).focus();
    if (inputs[0]?.control instanceof HTMLInputElement) inputs[0].control.select();
  });
}

/** @param {string} id @param {Field} field */
function input(id, field) {
  const hint = field.hint ? make("p", { class: "hint", id: `${id}-hint` }, field.hint) : null;
  const attributes = {
    id, autocomplete: field.autocomplete ?? "off", "aria-describedby": hint && hint.id, maxlength: field.most ?? null,
    required: !field.optional,
  };
  const control = field.type === "area"
    ? make("textarea", { ...attributes, rows: 3 })
    : make("input", { ...attributes, type: field.type ?? "text", autocapitalize: "none", spellcheck: "false" });
  control.value = field.value ?? "";
  const label = make("label", { for: id }, field.label, field.optional && make("i", null, say("optional")));
  return { field, control, place: make("div", { class: "field" }, label, control, hint) };
}

/**
 * Shows something to look at, with one button that closes it.
 * @param {string} title
 * @param {...HTMLElement} content
 * @returns {Promise<void>}
 */
export function show(title, ...content) {
  const id = `dialog-${++made}`;
  const button = make("button", { class: "button" }, say("close"));
  const dialog = make("dialog", { class: "ask", "aria-labelledby": id },
    make("form", { method: "dialog" }, make("h2", { id }, title), ...content, make("p", { class: "actions" }, button)));
  document.body.append(dialog);
  dialog.showModal();
  button.focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => { dialog.remove(); resolve(); }));
}

/**
 * Runs `act` on a click, once however often it is clicked, until that is done.
 * @param {HTMLElement} button
 * @param {() => Promise<unknown>} act
 */
export function once(button, act) {
  let busy = false;
  button.addEventListener("click", async () => {
    if (busy) return;
    busy = true;
    button.setAttribute("aria-disabled", "true");
    try {
      await act();
    } finally {
      busy = false;
      button.removeAttribute("aria-disabled");
    }
  });
  return button;
}
