/** @file Sent: what waits, what is on the line, and what became of the rest. */
import { icon, make } from "./dom.js";
import { element } from "./elements.js";
import { fold } from "./groups.js";
import { listenForKeys } from "./keys.js";
import { current, startList, walk } from "./list.js";
import { run, thumbnail, tools } from "./row.js";
import { say } from "./say.js";
import { otherEnd, pageCount, standing, together } from "./states.js";
import { undo } from "./toast.js";
import { clock, time } from "./when.js";

/** @typedef {import("./types.js").Fax} Fax */

/** @param {Fax} fax @param {HTMLLIElement} row */
function fill(fax, row) {
  const { main, more } = otherEnd(fax);
  const state = standing(fax);
  const about = together([fax.subject || fax.document_name, pageCount(fax)]);
  const bar = fax.state === "calling" && fax.progress
    ? make("progress", { max: fax.progress.pages, value: fax.progress.page - 1, "aria-hidden": "true" }) : null;
  const link = make("a", { class: "row-link", href: `/faxes/${fax.id}`, "data-part": "open", "data-walk": true },
    thumbnail(fax, row),
    make("span", { class: "end" },
      make("span", { class: "end-main" }, make("b", null, main), more && make("span", { class: "end-more" }, more)),
      make("span", { class: "end-more" }, about)),
    make("span", { class: `state ${state.tone}` }, icon(state.shape),
      make("span", null, make("b", null, state.word), state.detail && make("span", { class: "state-detail" }, state.detail), bar)),
    time(fax.created, clock));
  return [link, tools(fax, ["restore", "retry", "cancel", "resend"])];
}

const search = element("q", HTMLInputElement);
listenForKeys([
  { keys: ["j", "ArrowDown"], does: say("keyNext"), run: () => walk(1) },
  { keys: ["k", "ArrowUp"], does: say("keyPrevious"), run: () => walk(-1) },
  { keys: ["Enter"], does: say("keyOpen"), run: () => { if (document.activeElement instanceof HTMLElement) document.activeElement.click(); } },
  { keys: ["p"], does: say("keyPdf"), run: () => run(current(), "pdf") },
  { keys: ["r"], does: say("keyAgain"), run: () => run(current(), "retry", "resend") },
  { keys: ["c"], does: say("keyCancel"), run: () => run(current(), "cancel") },
  { keys: ["#", "Delete"], does: say("keyDelete"), run: () => run(current(), "delete") },
  { keys: ["z"], does: say("keyUndo"), run: undo },
  { keys: ["/"], does: say("keySearch"), run: () => search.select() },
]);

void startList({
  direction: "out",
  title: say("titleSent"),
  fill,
  fold,
  nothing: (show) => say(show === "bin" ? "binEmpty" : show === "" ? "sentEmpty" : "noneSuch"),
});
