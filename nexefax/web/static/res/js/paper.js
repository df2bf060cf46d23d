/** @file The document: choosing, dropping, checking and showing it. */
import { complain, element } from "./elements.js";
import { say, size } from "./say.js";

/** A PDF may begin with other bytes, but within the first 1024 it says so (ISO 32000-1, annex H). */
const HEADER_WITHIN = 1024;

const input = element("fax_file", HTMLInputElement);
const drop = element("drop", HTMLElement);
const chosen = element("chosen", HTMLElement);
const preview = element("preview", HTMLElement);
const open = element("chosen-open", HTMLAnchorElement);
const live = element("live", HTMLElement);

/** @type {File | null} */
let paper = null;
let address = "";

/** The document that was chosen, if any. */
export const current = () => paper;

/**
 * Starts listening.
 * @param {number} mostBytes what the server takes
 * @param {() => void} changed called when the document is another one
 */
export function listen(mostBytes, changed) {
  /** @param {FileList | null | undefined} files */
  const take = async (files) => {
    const [file, more] = files ?? [];
    if (!file) return;
    const problem = more ? say("documentSeveral") : await judge(file, mostBytes);
    input.value = ""; // the same file may be chosen again; this empties `files` too
    complain("fax_file", problem);
    if (problem) return;
    show(file);
    changed();
  };
  input.addEventListener("change", () => take(input.files));
  element("chosen-replace", HTMLElement).addEventListener("click", () => input.click());
  element("chosen-remove", HTMLElement).addEventListener("click", () => {
    clear();
    changed();
    live.textContent = say("removed");
    input.focus();
  });
  listenForDrops(take);
}

export function clear() {
  paper = null;
  preview.replaceChildren();
  if (address) URL.revokeObjectURL(address);
  address = "";
  chosen.hidden = true;
  drop.hidden = false;
  input.required = true;
}

/**
 * @param {File} file
 * @param {number} mostBytes
 * @returns {Promise<string>} why it can't be faxed, "" when it can
 */
async function judge(file, mostBytes) {
  const { name } = file;
  if (file.size > mostBytes) return say("documentLarge", { name, size: size(file.size), most: size(mostBytes) });
  if (!file.size) return say("documentEmpty", { name });
  try {
    const start = new TextDecoder("latin1").decode(await file.slice(0, HEADER_WITHIN).arrayBuffer());
    return start.includes("%PDF-") ? "" : say("documentKind", { name });
  } catch {
    return say("documentGone", { name });
  }
}

/** @param {File} file */
function show(file) {
  clear();
  paper = file;
  // The type decides how the browser opens it, and a file's own may be anything.
  address = URL.createObjectURL(file.slice(0, file.size, "application/pdf"));
  element("chosen-name", HTMLElement).textContent = file.name;
  element("chosen-size", HTMLElement).textContent = size(file.size);
  open.href = address;
  if (navigator.pdfViewerEnabled) {
    const frame = document.createElement("iframe");
    frame.title = say("preview", { name: file.name });
    frame.src = `${address}#toolbar=0&navpanes=0&view=FitH`;
    preview.append(frame);
  } else {
    const words = document.createElement("p");
    words.className = "hint";
    words.textContent = say("noPreview");
    preview.append(words);
  }
  drop.hidden = true;
  chosen.hidden = false;
  input.required = false;
  live.textContent = say("added", { name: file.name, size: size(file.size) });
}

/** @param {(files: FileList | undefined) => void} take */
function listenForDrops(take) {
  const words = element("drop-say", HTMLElement);
  const usual = [...words.childNodes];
  let depth = 0;
  /** @param {boolean} over */
  const mark = (over) => {
    if (over === document.body.classList.contains("dragging")) return;
    document.body.classList.toggle("dragging", over);
    words.replaceChildren(...(over ? [say("dropNow")] : usual));
  };
  /** @param {DragEvent} event */
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragenter", (event) => { if (holdsFiles(event)) mark(++depth > 0); });
  document.addEventListener("dragleave", (event) => { if (holdsFiles(event)) mark(--depth > 0); });
  document.addEventListener("dragover", (event) => { if (holdsFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault(); // or the browser leaves the page for the file
    mark(Boolean(depth = 0));
    take(event.dataTransfer?.files);
  });
}
