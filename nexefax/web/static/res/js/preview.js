/** @file The pages that will be faxed: cards, one large, and a warning of those that take long. Fetched when there are some. */
import * as enlarge from "./enlarge.js";
import * as sheets from "./sheets.js";

/** @typedef {import("./draft.js").Changes} Changes */

/** @type {(changes: Changes, said: string) => void} */
let change = () => {};

/** @param {(changes: Changes, said: string) => void} changed what somebody wants otherwise, and how that is told */
export function listen(changed) {
  change = changed;
  sheets.listen((key, choice, said) => changed({ pages: { [key]: choice } }, said), enlarge.open);
  enlarge.listen();
}

/** @param {import("./draft.js").DraftData | null} draft */
export function show(draft) {
  sheets.show(draft);
  sheets.warn(draft, change);
  enlarge.show();
}
