/** @file Making elements. There is no HTML in strings anywhere: what people typed can be nothing but text. */

/** @typedef {string | number | Node | null | undefined | false} Child nothing is made of null, undefined and false */
/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Attributes */

/**
 * An element. Attributes with functions are listeners (`onclick`), `true` is an attribute without a value, and
 * false, null and undefined are none.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Attributes | null} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, String(value));
  }
  made.append(...kept(children));
  return made;
}

/** @param {Child[]} children @returns {(string | Node)[]} */
export function kept(children) {
  return children.flatMap((child) =>
    child === null || child === undefined || child === false ? [] : [child instanceof Node ? child : String(child)]);
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * A picture of the sprite; it says nothing to screen readers, so words stand beside it.
 * @param {string} name
 * @param {string} [className]
 */
export function icon(name, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${document.body.dataset.res}/img/sprite.svg#${name}`);
  svg.append(use);
  return svg;
}

/**
 * Words for those who don't see.
 * @param {string} words
 */
export const unseen = (words) => make("span", { class: "unseen" }, words);
