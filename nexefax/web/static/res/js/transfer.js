/** @file The upload, with progress and a way to stop it. */
import { say } from "./say.js";

/**
 * How it ended. `lost` is true when it can't be known whether the server took it.
 * @typedef {{kind: "sent", fax: number | null}
 *   | {kind: "refused", error: string, field: string}
 *   | {kind: "expired"} | {kind: "cancelled"} | {kind: "lost"}} Ending
 */

/**
 * Sends the form. XMLHttpRequest, because fetch tells nothing of an upload's progress.
 * @param {FormData} form
 * @param {(share: number) => void} progress 0 to 1, of the upload
 * @returns {{ending: Promise<Ending>, cancel: () => void}}
 */
export function transfer(form, progress) {
  const request = new XMLHttpRequest();
  /** @type {Promise<Ending>} */
  const ending = new Promise((resolve) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    });
    request.upload.addEventListener("load", () => progress(1));
    request.addEventListener("load", () => resolve(judge(request)));
    request.addEventListener("abort", () => resolve({ kind: "cancelled" }));
    for (const broken of ["error", "timeout"]) request.addEventListener(broken, () => resolve({ kind: "lost" }));
    request.open("POST", "/api/send");
    request.send(form);
  });
  return { ending, cancel: () => request.abort() };
}

/**
 * @param {XMLHttpRequest} request
 * @returns {Ending}
 */
function judge(request) {
  // Signed out: the redirect was followed to the sign-in page.
  if (request.responseURL && new URL(request.responseURL).pathname === "/login") return { kind: "expired" };
  let answer;
  try {
    answer = JSON.parse(request.responseText);
  } catch {
    answer = {}; // a proxy's own error page
  }
  if (answer.result === "ok") return { kind: "sent", fax: answer.fax ?? null };
  if (answer.error) return { kind: "refused", error: answer.error, field: answer.field ?? "" };
  const large = request.status === 413; // a proxy takes less than NexeFax does
  const error = large ? say("error413") : say("strange", { status: request.status });
  return { kind: "refused", error, field: large ? "fax_file" : "" };
}
