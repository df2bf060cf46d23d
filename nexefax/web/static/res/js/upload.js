/** @file One document on its way to the server, with progress and a way to stop it. */
import { person } from "./api.js";
import { say } from "./say.js";

/**
 * How it ended.
 * @typedef {{kind: "taken", data: import("./draft.js").DraftData}
 *   | {kind: "refused", status: number, error: string}
 *   | {kind: "expired"} | {kind: "cancelled"} | {kind: "lost"}} Ending
 */

/**
 * Sends a file's bytes. XMLHttpRequest, because fetch tells nothing of an upload's progress.
 * @param {string} path
 * @param {File} file
 * @param {(share: number) => void} progress 0 to 1, of the upload
 * @returns {{ending: Promise<Ending>, cancel: () => void}}
 */
export function upload(path, file, progress) {
  const request = new XMLHttpRequest();
  /** @type {Promise<Ending>} */
  const ending = new Promise((resolve) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable && event.total) progress(event.loaded / event.total);
    });
    request.upload.addEventListener("load", () => progress(1));
    request.addEventListener("load", () => resolve(judge(request)));
    request.addEventListener("abort", () => resolve({ kind: "cancelled" }));
    for (const broken of ["error", "timeout"]) request.addEventListener(broken, () => resolve({ kind: "lost" }));
    request.open("POST", `${path}?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream"); // the server looks for itself
    request.setRequestHeader("NexeFax-Person", person);
    request.send(file);
  });
  return { ending, cancel: () => request.abort() };
}

/**
 * @param {XMLHttpRequest} request
 * @returns {Ending}
 */
function judge(request) {
  const { status } = request;
  let answer;
  try {
    answer = JSON.parse(request.responseText);
  } catch {
    answer = {}; // a proxy's own error page
  }
  if (status === 401) return { kind: "expired" };
  if (status >= 200 && status < 300 && answer.id) return { kind: "taken", data: answer };
  const own = status === 413 ? say("error413") : say("strange", { status });
  return { kind: "refused", status, error: answer.detail || own };
}
