/** @file The one way to the words: what people read stands in text.js, with {places} for values. */
import text from "./text.js";

/**
 * @param {keyof typeof text} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function say(key, values = {}) {
  return text[key].replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place));
}

/** @typedef {{[K in keyof typeof text]: K extends `${infer Stem}_other` ? Stem : never}[keyof typeof text]} Counted */

const plural = new Intl.PluralRules(document.documentElement.lang);

/**
 * Words that depend on a number: the ones under `key_one`, `key_other` and what else the language has, with `{count}`.
 * @param {Counted} key
 * @param {number} count
 * @param {Record<string, string | number>} [values]
 */
export function sayCount(key, count, values = {}) {
  const exact = `${key}_${plural.select(count)}`;
  const found = /** @type {keyof typeof text} */ (exact in text ? exact : `${key}_other`);
  return say(found, { count, ...values });
}

/**
 * A number of bytes as people see it in their file manager (1 MB is 1024 kB there).
 * @param {number} bytes
 */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const [value, unit] = bytes < 2 ** 20 ? [bytes / 2 ** 10, "kB"] : [bytes / 2 ** 20, "MB"];
  return `${value < 10 && unit === "MB" ? value.toFixed(1).replace(".0", "") : Math.round(value)} ${unit}`;
}
