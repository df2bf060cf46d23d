/** @file Documents that are dropped anywhere on the page, or pasted. */
import { element } from "./elements.js";
import { say } from "./say.js";

/** @param {(files: File[]) => void} take */
export function listen(take) {
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
    take([...(event.dataTransfer?.files ?? [])]);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    // What is copied from a word processor comes as words and as a picture of them: into a field go the words.
    if (!files.length || event.clipboardData?.types.includes("text/plain")) return;
    event.preventDefault();
    take(files);
  });
}
