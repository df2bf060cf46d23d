/** @file A button with a menu of actions: by pointer, touch and keyboard (arrows, Home, End, Escape). */
import { icon, make, unseen } from "./dom.js";
import { element } from "./elements.js";
import { once } from "./dialog.js";

/** @typedef {import("./actions.js").Action} Action */

/**
 * An action as a link or a button that runs once.
 * @param {Action} action
 * @param {string} className
 * @param {boolean} [wordless] only its picture is seen; its words are a tooltip, and for screen readers
 */
export function control(action, className, wordless = false) {
  const words = wordless ? unseen(action.label) : make("span", null, action.label);
  const title = wordless ? action.label : null;
  const part = action.key;
  if (action.href) {
    const target = action.download ? null : "_blank";
    const download = action.download ?? false;
    return make("a", { class: className, href: action.href, target, rel: "noopener", download, title, "data-part": part }, icon(action.shape), words);
  }
  const button = make("button", { type: "button", class: className, title, "data-part": part }, icon(action.shape), words);
  return once(button, action.run ?? (async () => {}));
}

/**
 * @param {string} label what the menu is for
 * @param {() => Action[]} actions asked for each time it opens
 */
export function menuButton(label, actions) {
  const button = make("button", { type: "button", class: "button quiet bare", title: label, "aria-haspopup": "menu", "aria-expanded": "false", "data-part": "more" },
    icon("more"), unseen(label));
  button.addEventListener("click", () => open(button, label, actions()));
  return button;
}

/** @param {HTMLButtonElement} button @param {string} label @param {Action[]} actions */
function open(button, label, actions) {
  const items = actions.map((action) => {
    const item = control(action, "item");
    item.setAttribute("role", "menuitem");
    item.tabIndex = -1;
    return item;
  });
  const menu = make("div", { class: "menu", role: "menu", "aria-label": label, popover: "auto" }, ...items);
  element("main", HTMLElement).append(menu);
  menu.addEventListener("toggle", (event) => {
    if (!(event instanceof ToggleEvent) || event.newState !== "closed") return;
    button.setAttribute("aria-expanded", "false");
    if (menu.contains(document.activeElement)) button.focus();
    menu.remove();
  });
  // the menu is closed first, so that a dialog that the action opens gives the focus back to the button
  for (const item of items) item.addEventListener("click", () => menu.hidePopover(), { capture: true });
  menu.addEventListener("keydown", (event) => {
    const at = items.indexOf(/** @type {any} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Tab") return menu.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    items.at(to % items.length)?.focus();
  });
  menu.showPopover();
  button.setAttribute("aria-expanded", "true");
  place(menu, button);
  items[0]?.focus({ preventScroll: true });
}

/** Below the button, or above it where there is more room. @param {HTMLElement} menu @param {HTMLElement} button */
function place(menu, button) {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + height + 8 < innerHeight || at.top < height;
  menu.style.setProperty("--left", `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`);
  menu.style.setProperty("--top", `${Math.max(8, below ? Math.min(at.bottom + 4, innerHeight - height - 8) : at.top - height - 4)}px`);
}
