/** @file One fax: what it is, what can be done with it, and its pages. */
import { actionsOf, mark } from "./actions.js";
import { ApiError, get } from "./api.js";
import { icon, make, unseen } from "./dom.js";
import { element } from "./elements.js";
import { setTitle, startFrame } from "./frame.js";
import { facts, timeline } from "./history.js";
import { listenForKeys } from "./keys.js";
import { follow } from "./live.js";
import { control } from "./menu.js";
import { aside, print, show, step, turn, zoom } from "./reader.js";
import { arrange, refill } from "./refill.js";
import { say } from "./say.js";
import { otherEnd, standing, warnings } from "./states.js";
import { undo } from "./toast.js";

/** @typedef {import("./types.js").Fax} Fax */
/** @typedef {import("./types.js").WholeFax} WholeFax */

const id = Number(element("fax", HTMLElement).dataset.fax);
const problem = element("problem", HTMLElement);
const SETTLE_MS = 150;
const RETRY_MS = 5000;

/** @type {WholeFax | null} */
let fax = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let again;
/** Counts what was asked for, so that an older answer is known as such; and whether the last one did not come. */
let asked = 0;
let stale = false;

void start();

async function start() {
  await startFrame();
  void follow({
    fax: (changed) => {
      if (changed.id !== id) return;
      if (fax && changed.changed >= fax.changed) take({ ...fax, ...changed });
      soon();
    },
    progress: (now) => { if (now.id === id && fax) take({ ...fax, progress: now }); },
    reset: () => soon(),
    state: (state) => { if (state === "on" && stale) soon(); },
  });
  listen();
  await load();
  if (fax?.unread) await mark(fax, "read", applied);
}

/** Several changes of one moment are asked for once. */
function soon(after = SETTLE_MS) {
  clearTimeout(again);
  again = setTimeout(load, after, true);
}

/** @param {boolean} [quiet] */
async function load(quiet = false) {
  const turn = ++asked;
  try {
    const now = await get(`/api/faxes/${id}`, { quiet });
    if (turn !== asked) return;
    stale = false;
    take(now);
    problem.textContent = "";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (turn !== asked) return;
    stale = quiet;
    if (quiet) return error.status === 401 ? undefined : soon(RETRY_MS);
    const button = make("button", { type: "button", class: "button second", onclick: () => load() }, say("tryAgain"));
    problem.replaceChildren(error.message, " ", button);
  }
}

/** What an action made of it. Another fax is one that was sent again. @param {Fax} now */
function applied(now) {
  if (now.id !== id) return location.assign(`/faxes/${now.id}`);
  if (fax) take({ ...fax, ...now });
  soon();
}

/** @param {WholeFax} now */
function take(now) {
  if (!fax) leadBack(now);
  fax = now;
  const { main, more } = otherEnd(now);
  const said = say(now.direction === "in" ? "faxFrom" : "faxTo", { who: main });
  setTitle(said);
  element("title", HTMLElement).replaceChildren(said, make("small", null, [say("faxNumber", { fax: id }), more].filter(Boolean).join(" · ")));
  refill(element("actions", HTMLElement), JSON.stringify([now.can, now.files, now.pages, now.deleted, now.state]), () =>
    actionsOf(now, applied).map((action) => control(action, "button quiet")));
  const state = standing(now);
  refill(element("standing", HTMLElement), JSON.stringify([state, now.progress]), () => [
    make("p", { class: `state ${state.tone}` }, icon(state.shape), make("span", null, make("b", null, state.word),
      state.detail && make("span", { class: "state-detail" }, state.detail))),
    ...warnings(now).map((words) => make("p", null, make("span", { class: "chip" }, icon("alert"), words))),
    ...now.notes.map((note) => make("p", { class: "hint" }, note)),
  ]);
  element("facts", HTMLElement).replaceChildren(...facts(now));
  arrange(element("timeline", HTMLElement), timeline(now));
  show(now);
  element("whole", HTMLElement).hidden = false;
}

/**
 * Where one came from: the list with its search, and the faxes beside this one. A fax that is not in the list that was
 * looked at last was opened by its address: it leads to the list of its kind.
 * @param {WholeFax} now
 */
function leadBack(now) {
  const kept = JSON.parse(sessionStorage.getItem("nexefax.list") ?? "null");
  const list = kept?.order.includes(id) ? kept : { address: now.direction === "in" ? "/inbox" : "/sent", order: [] };
  element("back", HTMLAnchorElement).href = list.address;
  element("back-to", HTMLElement).textContent = say(list.address.startsWith("/sent") ? "titleSent" : "titleInbox");
  const at = list.order.indexOf(id);
  /** @type {["newer" | "older", number | undefined, "keyNewer" | "keyOlder"][]} */
  const sides = [["newer", list.order[at - 1], "keyNewer"], ["older", list.order[at + 1], "keyOlder"]];
  for (const [side, other, words] of sides) {
    const link = element(side, HTMLAnchorElement);
    link.hidden = !other;
    if (!other) continue;
    link.href = `/faxes/${other}`;
    link.title = say(words);
    link.replaceChildren(icon("down"), unseen(say(words)));
  }
}

/** @param {"newer" | "older" | "back"} where */
function go(where) {
  const link = element(where, HTMLAnchorElement);
  if (!link.hidden) link.click();
}

/** @param {...string} keys the first of these actions that is possible */
function run(...keys) {
  const actions = fax ? actionsOf(fax, applied) : [];
  const action = keys.flatMap((key) => actions.find((one) => one.key === key) ?? [])[0];
  if (action?.href) open(action.href, "_blank", "noopener");
  else void action?.run?.();
}

function listen() {
  listenForKeys([
    { keys: ["n", "ArrowRight"], does: say("keyNextPage"), run: ({ key }) => (key === "n" ? step(1) : aside(1)) },
    { keys: ["b", "ArrowLeft"], does: say("keyPreviousPage"), run: ({ key }) => (key === "b" ? step(-1) : aside(-1)) },
    { keys: ["+", "="], does: say("larger"), run: () => zoom(1) },
    { keys: ["-"], does: say("smaller"), run: () => zoom(-1) },
    { keys: ["0"], does: say("zoomTurn"), run: () => zoom(0) },
    { keys: ["t"], does: say("turn"), run: turn },
    { keys: ["j"], does: say("keyOlder"), run: () => go("older") },
    { keys: ["k"], does: say("keyNewer"), run: () => go("newer") },
    { keys: ["p"], does: say("keyPdf"), run: () => run("pdf") },
    { keys: ["f"], does: say("keyForward"), run: () => run("mail") },
    { keys: ["u"], does: say("keyUnread"), run: () => run("unread", "read") },
    { keys: ["r"], does: say("keyAgain"), run: () => run("retry", "resend") },
    { keys: ["#", "Delete"], does: say("keyDelete"), run: () => run("delete") },
    { keys: ["z"], does: say("keyUndo"), run: undo },
    { keys: ["Escape"], does: say("keyBack"), run: () => go("back") },
  ]);
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "p" && fax?.page_sizes.length) {
      event.preventDefault(); // the browser's own would print before the pages are here
      void print();
    }
  });
}
