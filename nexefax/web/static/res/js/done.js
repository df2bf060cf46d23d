/** @file What became of it: the faxes that were taken, one or a group. */
import { make } from "./dom.js";
import { element } from "./elements.js";
import { writeNumber } from "./number.js";
import { say, sayCount } from "./say.js";
import { moment } from "./when.js";

/** @typedef {import("./types.js").Fax} Fax */

const place = element("done", HTMLElement);

/**
 * @param {string} batch
 * @param {Fax[]} faxes
 * @param {string} note what else is to be known, "" for nothing
 */
export function show(batch, faxes, note) {
  const [first] = faxes;
  const at = first?.send_at ? moment(first.send_at) : "";
  const title = faxes.length === 1 && first ? say("doneTitle", { fax: first.id }) : sayCount("doneMany", faxes.length);
  element("done-title", HTMLElement).textContent = title;
  element("done-document", HTMLElement).textContent = first?.document_name ?? "";
  element("done-to", HTMLElement).replaceChildren(make("ul", null, ...faxes.map((fax) => make("li", null,
    make("a", { href: `/faxes/${fax.id}` }, fax.name && `${fax.name}, `, make("span", { class: "nowrap" }, writeNumber(fax.number))),
    faxes.length > 1 && make("span", { class: "fax-number" }, `#${fax.id}`)))));
  element("done-note", HTMLElement).textContent = [note, at ? say("doneLater", { time: at }) : say("doneNote")].filter(Boolean).join(" ");
  const watch = element("watch", HTMLAnchorElement);
  watch.hidden = !first;
  watch.href = faxes.length > 1 ? `/sent?batch=${encodeURIComponent(batch)}` : `/faxes/${first?.id}`;
  watch.textContent = say(faxes.length > 1 ? "watchMany" : "watchOne");
  place.hidden = false;
}
