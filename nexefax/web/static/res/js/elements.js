/** @file Elements of the page by id, with their type checked once. */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`#${id} is missing from the page`);
  return found;
}

/**
 * Shows or clears the sentence beside a field.
 * @param {string} id of the field; its sentence is in `#<id>-error`
 * @param {string} sentence "" for none
 */
export function complain(id, sentence) {
  element(`${id}-error`, HTMLElement).textContent = sentence;
  const field = element(id, HTMLElement);
  if (sentence) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}
