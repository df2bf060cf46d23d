/** @file Whether a file can be faxed, by its first bytes, as nexefax/fax/convert/document.py tells it. */

/** So much of the file is looked at, as on the server. */
const HEAD = 8192;
const OFFICE = /\.(?:docx?|xlsx?|pptx?|od[tsp]|rtf)$/i;
const SIGNS = /^(?:II[*+]\0|MM\0[*+]|\x89PNG\r\n\x1a\n|\xff\xd8\xff|\xff\xfe|\xfe\xff)/; // the last two: text as UTF-16

/**
 * The server has the last word: this only spares an upload in vain.
 * @param {File} file
 * @returns {Promise<boolean>}
 */
export async function isFaxable(file) {
  const bytes = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const head = Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""); // TextDecoder has no true latin1
  if (SIGNS.test(head) || head.slice(0, 1024).includes("%PDF-")) return true; // ISO 32000-1, annex H
  return OFFICE.test(file.name) || !/[\0-\x06\x0e-\x1a\x1c-\x1f]/.test(head);
}
