/** @file Faxes that were sent together to several numbers, folded into one item with a summary. */
import { ApiError, get, post, sentence } from "./api.js";
import { ask } from "./dialog.js";
import { icon, make } from "./dom.js";
import { apply } from "./list.js";
import { menuButton } from "./menu.js";
import { arrange, refill } from "./refill.js";
import { say, sayCount } from "./say.js";
import { WAITING } from "./states.js";
import { toast } from "./toast.js";
import { clock, dayKey, time } from "./when.js";

/** @typedef {import("./types.js").Fax} Fax */
/** @typedef {{item: HTMLLIElement, head: HTMLElement, members: HTMLUListElement, open: boolean}} Group */

/** @type {Map<string, Group>} */
const groups = new Map();

/**
 * The items of one day: a row for each fax, and one item for each group of several.
 * @param {Fax[]} faxes
 * @param {Map<number, HTMLLIElement>} rows
 */
export function fold(faxes, rows) {
  /** @type {Map<string, Fax[]>} */
  const batches = new Map();
  for (const fax of faxes) if (fax.batch) batches.set(fax.batch, [...(batches.get(fax.batch) ?? []), fax]);
  const done = new Set();
  return faxes.flatMap((fax) => {
    const row = rows.get(fax.id);
    const members = batches.get(fax.batch) ?? [];
    if (members.length < 2) return row ?? [];
    if (done.has(fax.batch)) return [];
    done.add(fax.batch);
    const key = `${fax.batch}-${dayKey(fax.created)}`; // a group of midnight is one in each of its days
    const group = groups.get(key) ?? newGroup(key);
    arrange(group.members, members.flatMap(({ id }) => rows.get(id) ?? []));
    refill(group.head, JSON.stringify([members, group.open]), () => headOf(group, members));
    return group.item;
  });
}

/** @param {string} key @returns {Group} */
function newGroup(key) {
  const head = make("div", { class: "group-head" });
  const members = make("ul", { class: "rows members", id: `batch-${key}`, hidden: true });
  const group = { item: make("li", { class: "group" }, head, members), head, members, open: false };
  groups.set(key, group);
  return group;
}

/** @param {Group} group @param {Fax[]} faxes */
function headOf(group, faxes) {
  const [first] = faxes;
  if (!first) return [];
  const about = first.subject || first.document_name;
  const button = make("button", {
    type: "button", class: "row-link", "aria-expanded": String(group.open), "aria-controls": group.members.id, "data-part": "open", "data-walk": true,
    onclick: () => {
      group.open = !group.open;
      group.members.hidden = !group.open;
      button.setAttribute("aria-expanded", String(group.open));
      if (group.open) void fetchAll(first.batch);
    },
  },
    make("span", { class: "thumb" }, icon("group")),
    make("span", { class: "end" },
      make("span", { class: "end-main" }, make("b", null, sayCount("recipients", faxes.length)), icon("down", "icon fold")),
      make("span", { class: "end-more" }, about)),
    make("span", { class: "state" }, ...summary(faxes).map(([shape, tone, words]) => make("span", { class: `state-part ${tone}` }, icon(shape), words))),
    time(first.created, clock));
  const waiting = faxes.filter(({ can }) => can.includes("cancel"));
  const all = { key: "cancel-all", shape: "stopped", label: sayCount("cancelAll", waiting.length), run: () => cancelAll(waiting) };
  return [button, make("div", { class: "tools" }, waiting.length ? menuButton(say("actionsForGroup"), () => [all]) : null)];
}

/** How many are where. @param {Fax[]} faxes @returns {[string, string, string][]} shape, tone and words */
function summary(faxes) {
  /** @param {...string} states */
  const among = (...states) => faxes.filter(({ state }) => states.includes(state)).length;
  const [sent, waiting, failed, cancelled] = [among("sent"), among(...WAITING), among("failed"), among("cancelled")];
  /** @type {[number, string, string, string][]} */
  const parts = [
    [waiting, "clock", "wait", sayCount("groupWaiting", waiting)],
    [failed, "failed", "bad", sayCount("groupFailed", failed)],
    [cancelled, "stopped", "off", sayCount("groupCancelled", cancelled)],
    [sent, "done", "good", sayCount("groupSent", sent)],
  ];
  return parts.flatMap(([count, shape, tone, words]) => (count ? [[shape, tone, words]] : []));
}

/** Some of the group may be further down the list, or left out by its filters. @param {string} batch */
async function fetchAll(batch) {
  try {
    const { faxes } = await get(`/api/faxes?${new URLSearchParams({ batch, limit: "200" })}`, { quiet: true });
    for (const fax of faxes) apply(fax);
  } catch (error) {
    toast(sentence(error), { bad: true });
  }
}

/** @param {Fax[]} faxes */
async function cancelAll(faxes) {
  const done = await ask({
    title: sayCount("cancelAllTitle", faxes.length), text: say("cancelAllText"), go: sayCount("cancelAll", faxes.length), danger: true,
    act: async () => {
      const ends = await Promise.allSettled(faxes.map(({ id }) => post(`/api/faxes/${id}/cancel`)));
      for (const end of ends) if (end.status === "fulfilled") apply(end.value);
      const failed = ends.flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
      // One that went out meanwhile is no reason to ask again: it says itself what became of it.
      const reason = failed.find((error) => !(error instanceof ApiError) || error.status !== 409);
      if (reason) throw reason;
      return failed;
    },
  });
  const late = done?.[0];
  if (late) toast(sentence(late), { bad: true });
}
