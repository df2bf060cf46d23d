/** @file Recipients in what people paste: one per line, "Name <number>", "Name; number", columns of a spreadsheet. */
import { checkNumber } from "./number.js";

/** @typedef {{number: string, name: string}} Recipient */

/** No fax has a shorter number; a spreadsheet's first column often counts its rows. */
const FEWEST_DIGITS = 3;
const NUMBER_TITLE = /fax|number|phone|tel|nummer|rufnr/i;
const NAME_TITLE = /name|recipient|company|contact|firma|empf/i;

/**
 * The recipients in a text, in their order. What has no number that can be dialled is kept as it is, since only
 * the person knows what was meant.
 * @param {string} text
 * @returns {Recipient[]}
 */
export function readRecipients(text) {
  const lines = text.split(/[\r\n\v\u2028]+/).map((line) => line.trim()).filter((line) => /[^\s,;]/.test(line));
  const head = lines.length > 1 && !/\d/.test(lines[0] ?? "") ? cells(lines[0] ?? "") : [];
  const number = head.findIndex((title) => NUMBER_TITLE.test(title));
  if (number < 0) return lines.flatMap(readLine);
  const fax = head.findIndex((title) => /fax/i.test(title)); // beside a column of telephone numbers
  const name = head.findIndex((title, at) => at !== number && at !== fax && NAME_TITLE.test(title));
  return lines.slice(1).flatMap((line) => {
    const row = cells(line);
    const typed = row[fax < 0 ? number : fax] ?? "";
    const called = row[name] ?? "";
    return typed || called ? [{ number: typed, name: called }] : []; // a name without a number is shown, not dropped
  });
}

/**
 * Whether a text can be taken as a recipient as soon as a comma follows it, and not only when all is typed.
 * @param {string} text
 */
export const isWhole = (text) => readLine(text).some(({ number }) => isNumber(number));

/** @param {string} text */
function isNumber(text) {
  return text.replace(/[^0-9]/g, "").length >= FEWEST_DIGITS && !checkNumber(text).problem;
}

/**
 * @param {string} line
 * @returns {Recipient[]}
 */
function readLine(line) {
  if (/<[^<>]*>/.test(line)) return readAngles(line);
  const row = cells(line).flatMap((cell) => {
    const parts = cell.split(",").map((part) => part.trim()); // numbers parted by commas in one parted by semicolons
    return parts.every(isNumber) ? parts : cell ? [cell] : [];
  });
  if (!row.length) return [];
  if (row.length === 1) return [readCell(row[0] ?? "")];
  const numbers = row.filter((cell) => isNumber(cell) || readCell(cell).name).length;
  if (!numbers) return [readOdd(row)];
  if (numbers === row.length) return row.map(readCell);
  return numbers === 1 ? [readOne(row)] : pairs(row);
}

/**
 * "Name <number>", several of them and with others between them.
 * @param {string} line
 */
function readAngles(line) {
  /** @type {Recipient[]} */
  const found = [];
  const rest = line.replace(/([^<>;,\t]*(?:,[^<>;,\t\d]*)?)<([^<>]*)>/g, (_all, name, number) => {
    found.push({ number: number.trim(), name: clean(name) });
    return ";";
  });
  return [...found, ...rest.split(";").flatMap((part) => (/[\p{L}\d]/u.test(part) ? readLine(part.replace(/[<>]/g, " ")) : []))];
}

/**
 * A row with one number; a cell of few digits counts rows.
 * @param {string[]} row
 * @returns {Recipient}
 */
function readOne(row) {
  const cell = row.find((one) => isNumber(one) || readCell(one).name) ?? "";
  const { number, name } = readCell(cell);
  const words = row.map((one) => (one === cell ? name : /^\d*$/.test(one) ? "" : one));
  return { number, name: words.filter(Boolean).join(", ") };
}

/**
 * Names and numbers by turns: each number takes the words before it, or, where a number came first, those after it.
 * @param {string[]} row
 */
function pairs(row) {
  const found = /** @type {Recipient[]} */ ([]);
  const after = isNumber(row[0] ?? "");
  const words = /** @type {string[]} */ ([]);
  for (const cell of row) {
    const both = readCell(cell);
    const last = found.at(-1);
    if (both.name) found.push(both);
    else if (isNumber(cell)) found.push({ number: cell, name: words.splice(0).join(", ") });
    else if (after && last) last.name = last.name ? `${last.name}, ${cell}` : cell;
    else words.push(cell);
  }
  return found;
}

/**
 * No number can be dialled: take the part with the most digits for it, so that its fault can be told.
 * @param {string[]} row
 */
function readOdd(row) {
  const rank = row.map((cell) => readCell(cell).number.replace(/\D/g, "").length);
  const at = rank.indexOf(Math.max(...rank));
  const { number, name } = readCell(row[at] ?? "");
  return { number, name: [...row.slice(0, at), name, ...row.slice(at + 1)].filter(Boolean).join(", ") };
}

/**
 * One text with perhaps a name before or behind the number: "Dr. Gray: 202 555 0199".
 * @param {string} cell
 * @returns {Recipient}
 */
function readCell(cell) {
  if (isNumber(cell)) return { number: cell, name: "" };
  const before = /^(.*?[\p{L}.)'’"])[\s:=–—-]*\s([+(*#]?[\d(][\d\s()./\-–+*#]*)$/u.exec(cell);
  if (before && isNumber(before[2] ?? "")) return { number: (before[2] ?? "").trim(), name: clean(before[1] ?? "") };
  const behind = /^([+(*#]?[\d(][\d\s()./\-–]*\d)\s[\s:=–—-]*(\p{L}.*)$/u.exec(cell);
  if (behind && isNumber(behind[1] ?? "")) return { number: (behind[1] ?? "").trim(), name: clean(behind[2] ?? "") };
  return { number: cell, name: "" };
}

/** @param {string} name */
const clean = (name) => name.replace(/^[\s,;:"']+|[\s,;:"']+$/g, "");

/**
 * The cells of a row: of tabs, else of semicolons, else of commas; quotes hold a cell together.
 * @param {string} line
 */
function cells(line) {
  const sign = ["\t", ";", ","].find((separator) => line.includes(separator));
  if (!sign) return [line.trim()];
  const found = [""];
  let quoted = false;
  for (const letter of line) {
    if (letter === '"') quoted = !quoted;
    else if (letter === sign && !quoted) found.push("");
    else found[found.length - 1] += letter;
  }
  return found.map((cell) => cell.trim());
}
