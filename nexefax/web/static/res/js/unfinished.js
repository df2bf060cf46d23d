/** @file Faxes that were begun and not sent, offered on an empty page. */
import { remove } from "./api.js";
import { icon, make } from "./dom.js";
import { element } from "./elements.js";
import { checkNumber, writeNumber } from "./number.js";
import { say, sayCount } from "./say.js";
import { announce, tool } from "./tools.js";
import { dayName } from "./when.js";

/** @typedef {{id: string, changed: string, recipients: import("./draft.js").Recipient[], subject: string, documents: number}} Begun */

const MOST = 3;
const place = element("unfinished", HTMLUListElement);
let begun = /** @type {Begun[]} */ ([]);

/**
 * @param {Begun[]} drafts
 * @param {(id: string) => void} open
 */
export function offer(drafts, open) {
  begun = drafts.filter(isWorthIt).slice(0, MOST);
  draw(open);
}

/** @param {Begun} draft */
const isWorthIt = ({ recipients, subject, documents }) => recipients.length > 0 || Boolean(subject) || documents > 0;

/** @param {(id: string) => void} open */
function draw(open) {
  place.hidden = !begun.length;
  place.replaceChildren(...begun.map((draft) => make("li", null, icon("draw"),
    make("button", { type: "button", class: "continue", onclick: () => open(draft.id) }, words(draft)),
    tool("close", say("unfinishedRemove", { what: words(draft) }), () => void discard(draft, open)))));
}

/** @param {Begun} draft */
function words({ changed, recipients, subject, documents }) {
  const when = dayName(changed);
  const [first, ...others] = recipients;
  const what = subject ? say("quoted", { words: subject }) : documents ? sayCount("documents", documents) : "";
  if (!first) return say("unfinishedNobody", { what, when });
  const { number } = checkNumber(first.number);
  const who = (first.name || (number ? writeNumber(number) : first.number)) + (others.length ? ` + ${others.length}` : "");
  return say("unfinishedTo", { who, when });
}

/**
 * @param {Begun} draft
 * @param {(id: string) => void} open
 */
async function discard(draft, open) {
  const at = begun.indexOf(draft);
  begun = begun.filter((one) => one !== draft);
  draw(open);
  const next = place.querySelectorAll(".continue")[Math.min(at, begun.length - 1)];
  (next instanceof HTMLElement ? next : element("fax_to", HTMLElement)).focus();
  announce(say("discarded"));
  await remove(`/api/drafts/${encodeURIComponent(draft.id)}`).catch(() => {}); // it is offered again next time
}
