/** @file Rows put in another order by dragging a handle, with a mouse, a pen or a finger. */

/**
 * @param {HTMLElement} list its children are the rows; a row's handle matches ".handle"
 * @param {() => void} dropped called when the rows may stand in another order
 */
export function listen(list, dropped) {
  list.addEventListener("pointerdown", (event) => {
    const handle = event.target instanceof Element ? event.target.closest(".handle") : null;
    const row = handle?.closest("li");
    if (!(handle instanceof HTMLElement) || !(row instanceof HTMLElement) || event.button) return;
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    row.classList.add("dragged");
    const ended = new AbortController();
    handle.addEventListener("pointermove", ({ clientY }) => move(list, row, clientY), ended);
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      handle.addEventListener(end, () => {
        if (ended.signal.aborted) return;
        ended.abort();
        row.classList.remove("dragged");
        dropped();
      }, ended);
    }
  });
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement} row
 * @param {number} y
 */
function move(list, row, y) {
  const others = [...list.children].filter((other) => other !== row);
  const next = others.find((other) => {
    const { top, height } = other.getBoundingClientRect();
    return y < top + height / 2;
  });
  if (row.nextElementSibling !== (next ?? null)) {
    // Moving the others and not the row itself: a row that leaves the page for a moment loses the pointer.
    const after = next ? others.slice(others.indexOf(next)) : [];
    list.prepend(...others.filter((other) => !after.includes(other)));
    list.append(...after);
  }
}
