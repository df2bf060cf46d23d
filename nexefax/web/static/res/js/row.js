/** @file The parts of a row that both lists have. */
import { actionsOf } from "./actions.js";
import { icon, make } from "./dom.js";
import { apply } from "./list.js";
import { control, menuButton } from "./menu.js";
import { say } from "./say.js";

/** @typedef {import("./types.js").Fax} Fax */

/**
 * The first page, small. The picture that is there already is taken over: it is not fetched again.
 * @param {Fax} fax
 * @param {HTMLElement} row
 */
export function thumbnail(fax, row) {
  const there = row.querySelector(".thumb");
  const whole = fax.files && Boolean(fax.pages) && !["queued", "rendering"].includes(fax.state);
  if (there instanceof HTMLElement && there.classList.contains("drawn") === whole) return there;
  if (!whole) return make("span", { class: "thumb" }, icon("page"));
  const picture = make("img", { src: `/api/faxes/${fax.id}/pages/1.png?size=thumb`, alt: "", loading: "lazy", decoding: "async", width: 44, height: 57 });
  const place = make("span", { class: "thumb drawn" }, picture);
  picture.addEventListener("error", () => place.replaceChildren(icon("page")));
  return place;
}

/**
 * The buttons of a row: the most used one by one, all in a menu.
 * @param {Fax} fax
 * @param {string[]} quick keys of actions
 */
export function tools(fax, quick) {
  const actions = actionsOf(fax, apply);
  const buttons = quick.flatMap((key) => actions.find((action) => action.key === key) ?? []);
  return make("div", { class: "tools" },
    ...buttons.map((action) => control(action, "button quiet bare quick", true)),
    actions.length ? menuButton(say("actionsFor", { fax: fax.id }), () => actionsOf(fax, apply)) : null);
}

/** Runs the action with this key, if it is possible. @param {Fax | null} fax @param {...string} keys the first that is */
export function run(fax, ...keys) {
  if (!fax) return;
  const actions = actionsOf(fax, apply);
  const action = keys.flatMap((key) => actions.find((one) => one.key === key) ?? [])[0];
  if (action?.href) open(action.href, "_blank", "noopener");
  else void action?.run?.();
}
