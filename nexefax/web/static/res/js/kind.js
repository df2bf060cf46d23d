/** @file What kind of document a file is, by its first bytes, as nexefax/fax/convert/document.py tells it. */

/** So much of the file is looked at, as on the server. */
const HEAD = 8192;
const OFFICE = /\.(?:docx?|xlsx?|pptx?|od[tsp]|rtf)$/i;

/**
 * The type that a preview of the file has; "" for what can be faxed but not shown, null for what can't be faxed.
 * The server has the last word: this only spares an upload in vain. The answer is one of these types and never the
 * file's own, since a blob of type text/html would be a page of ours.
 * @param {File} file
 * @returns {Promise<"application/pdf" | "image/png" | "image/jpeg" | "text/plain;charset=utf-8" | "" | null>}
 */
export async function previewType(file) {
  const bytes = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const head = Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""); // TextDecoder has no true latin1
  if (/^(?:II[*+]\0|MM\0[*+])/.test(head)) return "";
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (/^\xff\xd8\xff/.test(head)) return "image/jpeg";
  if (head.slice(0, 1024).includes("%PDF-")) return "application/pdf"; // ISO 32000-1, annex H
  if (OFFICE.test(file.name)) return "";
  return /[\0-\x06\x0e-\x1a\x1c-\x1f]/.test(head) ? null : "text/plain;charset=utf-8";
}
