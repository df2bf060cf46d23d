/** @file Fax numbers: the same rules as nexefax/fax/number.py (a test holds the two together), and how to show them. */
import { say } from "./say.js";

const MOST_DIGITS = 40;
/** Country codes of one and two digits (ITU-T E.164); all others have three. */
const SHORT_CODES = /^(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])/;

/**
 * What would be dialled for what somebody typed.
 * @param {string} typed
 * @returns {{number: string, problem: string}} one of the two is ""
 */
export function checkNumber(typed) {
  let text = typed.normalize("NFKC").trim();
  if (!text) return { number: "", problem: say("toMissing") };
  if (text.startsWith("+")) text = text.replace("(0)", "");
  const number = text.replace(/[ \t\-.()/\u2010-\u2014\u2212]/g, "");
  if (!/^(?:\+?[0-9]+|[*#][0-9*#]*[0-9][0-9*#]*)$/.test(number)) {
    const odd = [...number].filter((sign) => !/[0-9+*#]/.test(sign)).sort()[0];
    if (odd) return { number: "", problem: say("toOdd", { sign: odd }) };
    return { number: "", problem: say(/[0-9]/.test(number) ? "toOrder" : "toDigits") };
  }
  if (number.length > MOST_DIGITS) {
    return { number: "", problem: say("toLong", { most: MOST_DIGITS, length: number.length }) };
  }
  return { number, problem: "" };
}

/**
 * A number as people write it: +1 202 555 0199, 202 555 0199, +49 301 234 567.
 * @param {string} number digits, perhaps with a leading +
 */
export function writeNumber(number) {
  const american = /^(\+?1)?([2-9]\d{2})([2-9]\d{2})(\d{4})$/.exec(number);
  if (american) {
    const [, country, area, exchange, line] = american;
    return `${country ? "+1 " : ""}${area} ${exchange} ${line}`;
  }
  if (!/^\+\d{7,15}$/.test(number)) return number;
  const digits = number.slice(1);
  const code = SHORT_CODES.exec(digits)?.[0] ?? digits.slice(0, 3);
  const rest = digits.slice(code.length).replace(/\d{3}(?=\d{2})/g, "$& ");
  return `+${code} ${rest}`;
}
