/** @file The document: choosing, dropping, checking and showing it. */
import { complain, element } from "./elements.js";
import { previewType } from "./kind.js";
import { say, size } from "./say.js";

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
    const { problem, type } = more ? { problem: say("documentSeveral"), type: "" } : await judge(file, mostBytes);
    input.value = ""; // the same file may be chosen again; this empties `files` too
    complain("fax_file", problem);
    if (problem) return;
    show(file, type);
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
 * @returns {Promise<{problem: string, type: string}>} why it can't be faxed, "" when it can; its type for the preview
 */
async function judge(file, mostBytes) {
  const { name } = file;
  if (file.size > mostBytes) {
    return { problem: say("documentLarge", { name, size: size(file.size), most: size(mostBytes) }), type: "" };
  }
  if (!file.size) return { problem: say("documentEmpty", { name }), type: "" };
  try {
    const type = await previewType(file);
    return { problem: type === null ? say("documentKind", { name }) : "", type: type ?? "" };
  } catch {
    return { problem: say("documentGone", { name }), type: "" };
  }
}

/**
 * @param {File} file
 * @param {string} type "" for what the browser can't show
 */
function show(file, type) {
  clear();
  paper = file;
  element("chosen-name", HTMLElement).textContent = file.name;
  element("chosen-size", HTMLElement).textContent = size(file.size);
  open.hidden = !type;
  if (type) {
    address = URL.createObjectURL(file.slice(0, file.size, type));
    open.href = address;
  }
  preview.append(picture(file.name, type));
  drop.hidden = true;
  chosen.hidden = false;
  input.required = false;
  live.textContent = say("added", { name: file.name, size: size(file.size) });
}

/**
 * The document as the browser shows it, or words where it can't.
 * @param {string} name
 * @param {string} type
 * @returns {HTMLElement}
 */
function picture(name, type) {
  if (!type) return words(say("noPreviewKind"));
  if (type.startsWith("image/")) {
    const image = document.createElement("img");
    image.alt = say("preview", { name });
    image.addEventListener("error", () => image.replaceWith(words(say("noPreviewKind"))));
    image.src = address;
    return image;
  }
  if (type === "application/pdf" && !navigator.pdfViewerEnabled) return words(say("noPreview"));
  const frame = document.createElement("iframe");
  frame.title = say("preview", { name });
  frame.src = type === "application/pdf" ? `${address}#toolbar=0&navpanes=0&view=FitH` : address;
  return frame;
}

/** @param {string} sentence */
function words(sentence) {
  const paragraph = document.createElement("p");
  paragraph.className = "hint";
  paragraph.textContent = sentence;
  return paragraph;
}

/** @param {(files: FileList | undefined) => void} take */
function listenForDrops(take) {
  const invitation = element("drop-say", HTMLElement);
  const usual = [...invitation.childNodes];
  let depth = 0;
  /** @param {boolean} over */
  const mark = (over) => {
    if (over === document.body.classList.contains("dragging")) return;
    document.body.classList.toggle("dragging", over);
    invitation.replaceChildren(...(over ? [say("dropNow")] : usual));
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
