/** @file Changing what is shown without disturbing who reads it: the focus stays, pictures stay, what is the same stays. */

/** @type {WeakMap<Element, string>} */
const shown = new WeakMap();

/**
 * Fills an element anew when `key` is another than at the last time; a part (`data-part`) that has the focus keeps it.
 * @template {HTMLElement} T
 * @param {T} place
 * @param {string} key
 * @param {(place: T) => HTMLElement[]} content may take parts of what `place` holds now
 */
export function refill(place, key, content) {
  if (shown.get(place) === key) return;
  shown.set(place, key);
  const focused = document.activeElement;
  const part = focused instanceof HTMLElement && place.contains(focused) ? focused.dataset.part : undefined;
  place.replaceChildren(...content(place));
  if (part === undefined) return;
  const same = place.querySelector(`[data-part="${part}"]`) ?? place.querySelector("[data-part]");
  if (same instanceof HTMLElement) same.focus({ preventScroll: true });
}

/**
 * Lets `parent` have exactly these children in this order; one that is in its place already is not moved.
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} children
 */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(/** @type {HTMLElement} */ (child))) child.remove();
  children.forEach((child, index) => {
    const there = parent.children[index];
    if (there !== child) parent.insertBefore(child, there ?? null);
  });
}
