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

/**
 * A number of bytes as people see it in their file manager (1 MB is 1024 kB there).
 * @param {number} bytes
 */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const [value, unit] = bytes < 2 ** 20 ? [bytes / 2 ** 10, "kB"] : [bytes / 2 ** 20, "MB"];
  return `${value < 10 && unit === "MB" ? value.toFixed(1).replace(".0", "") : Math.round(value)} ${unit}`;
}
