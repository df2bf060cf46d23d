/** @file Single keys as shortcuts; whoever's software types them by itself can switch them off. */
import { show } from "./dialog.js";
import { make } from "./dom.js";
import { say } from "./say.js";

const OFF = "nexefax.keys-off";

/** @typedef {{keys: string[], does: string, run: (event: KeyboardEvent) => void}} Shortcut */

/**
 * Listens for keys, but not where somebody types, in dialogs, or with Ctrl, Alt or the like.
 * @param {Shortcut[]} shortcuts
 */
export function listenForKeys(shortcuts) {
  document.getElementById("keys")?.addEventListener("click", () => showKeys(shortcuts));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const at = event.target instanceof Element ? event.target : null;
    if (at?.closest("input:not([type=radio], [type=checkbox]), textarea, select, dialog, [popover]")) return;
    if (at?.closest("input") && event.key.startsWith("Arrow")) return;
    if (event.key.length === 1 && localStorage.getItem(OFF) && event.key !== "?") return;
    if (event.key === "?") return void showKeys(shortcuts);
    const shortcut = shortcuts.find(({ keys }) => keys.includes(event.key));
    if (!shortcut) return;
    event.preventDefault();
    shortcut.run(event);
  });
}

/** @type {Record<string, string>} */
const SHOWN = { ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→" };

/** @param {Shortcut[]} shortcuts */
function showKeys(shortcuts) {
  const rows = shortcuts.filter(({ does }) => does).map(({ keys, does }) => make("tr", null,
    make("th", { scope: "row" }, ...keys.flatMap((key) => [make("kbd", null, SHOWN[key] ?? key), " "])), make("td", null, does)));
  const off = make("input", { type: "checkbox", id: "keys-off" });
  off.checked = !localStorage.getItem(OFF);
  off.addEventListener("change", () => { if (off.checked) localStorage.removeItem(OFF); else localStorage.setItem(OFF, "1"); });
  return show(say("keysTitle"), make("table", { class: "keys" }, make("tbody", null, ...rows)),
    make("p", { class: "check" }, off, make("label", { for: "keys-off" }, say("keysOn"))));
}
