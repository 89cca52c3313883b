// Requests that outlive the page.
import { headersNow } from "./login.js";
import { pageData } from "./page-data.js";

/** Have the server forget an upload, unless it is completed: then somebody else did that, and has the file. */
export function cancelWhileLeaving(uploadId) {
  const headers = { ...headersNow(), "Content-Type": "application/json" };
  send("cancel", { method: "POST", headers, body: JSON.stringify({ upload_id: uploadId }) });
}

export function deleteWhileLeaving(uploadId) {
  send(uploadId, { method: "DELETE", headers: headersNow() });
}

function send(path, request) {
  fetch(pageData.apiUrl + path, { ...request, keepalive: true }).catch(() => {});
}
