/** @file The inbox: what came in. */
import { icon, make, unseen } from "./dom.js";
import { element } from "./elements.js";
import { listenForKeys } from "./keys.js";
import { current, startList, walk } from "./list.js";
import { run, thumbnail, tools } from "./row.js";
import { say } from "./say.js";
import { otherEnd, pageCount, standing, warnings } from "./states.js";
import { undo } from "./toast.js";
import { clock, time } from "./when.js";

/** @typedef {import("./types.js").Fax} Fax */

/** @param {Fax} fax @param {HTMLLIElement} row */
function fill(fax, row) {
  const { main, more } = otherEnd(fax);
  row.classList.toggle("unread", fax.unread);
  const { state } = fax;
  const course = state === "received" || state === "converting" || state === "undeliverable" ? standing(fax) : null;
  const wrong = [...warnings(fax), state === "undeliverable" && course?.word].filter((words) => typeof words === "string").map((words) => make("span", { class: "chip" }, icon("alert"), words));
  const link = make("a", { class: "row-link", href: `/faxes/${fax.id}`, "data-part": "open", "data-walk": true },
    thumbnail(fax, row),
    make("span", { class: "end" },
      make("span", { class: "end-main" }, fax.unread && icon("dot", "dot"), fax.unread && unseen(`${say("new")}: `), make("b", null, main)),
      more && make("span", { class: "end-more" }, more)),
    make("span", { class: "facts" }, make("span", null, pageCount(fax)), ...wrong,
      course && make("span", null, state === "undeliverable" ? course.detail : course.word)),
    time(fax.created, clock));
  return [link, tools(fax, ["restore", "pdf", "mail", "delete"])];
}

const search = element("q", HTMLInputElement);
listenForKeys([
  { keys: ["j", "ArrowDown"], does: say("keyNext"), run: () => walk(1) },
  { keys: ["k", "ArrowUp"], does: say("keyPrevious"), run: () => walk(-1) },
  { keys: ["Enter"], does: say("keyOpen"), run: () => { if (document.activeElement instanceof HTMLElement) document.activeElement.click(); } },
  { keys: ["p"], does: say("keyPdf"), run: () => run(current(), "pdf") },
  { keys: ["f"], does: say("keyForward"), run: () => run(current(), "mail") },
  { keys: ["u"], does: say("keyUnread"), run: () => run(current(), "unread", "read") },
  { keys: ["#", "Delete"], does: say("keyDelete"), run: () => run(current(), "delete") },
  { keys: ["z"], does: say("keyUndo"), run: undo },
  { keys: ["/"], does: say("keySearch"), run: () => search.select() },
]);

void startList({
  direction: "in",
  title: say("titleInbox"),
  fill,
  nothing: (show) => say(show === "bin" ? "binEmpty" : show === "new" ? "noneNew" : "inboxEmpty"),
});
