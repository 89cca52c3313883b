import { bytes } from "./format.js";

function row(template, name) {
  const element = document.querySelector(template).content.firstElementChild.cloneNode(true);
  element.querySelector(".name").textContent = name;
  element.querySelector(".name").title = name;
  return element;
}

/** The uploads that wait for somebody to choose their file again. */
export function showUnfinished(list, uploads, { onFile, onDiscard }) {
  list.replaceChildren(
    ...uploads.map((upload) => {
      const element = row("#unfinished-row", upload.filename);
      const from = upload.here ? "in this browser" : "on another device or in another browser";
      const state = element.querySelector(".state");
      state.setAttribute("role", "status");
      state.textContent = `${Math.floor(upload.percentage)}% of ${bytes(upload.size)} · begun ${upload.startedAt.toLocaleString()} ${from}`;
      const input = element.querySelector("input");
      input.setAttribute("aria-label", `Continue ${upload.filename}: choose the file`);
      input.addEventListener("change", () => {
        const [file] = input.files;
        if (file?.size === upload.size) onFile(upload, file);
        else if (file)
          state.textContent = `This is another file: it has ${bytes(file.size)}, not ${bytes(upload.size)}.`;
      });
      const discard = element.querySelector("[data-action=discard]");
      discard.setAttribute("aria-label", `Discard ${upload.filename}`);
      discard.addEventListener("click", () => onDiscard(upload));
      return element;
    }),
  );
}

/** What is stored, with its proof, a way to get it back, and one to be rid of it. */
export function showFinished(list, sessions, onDelete) {
  list.querySelector(".empty").hidden = sessions.length > 0;
  // Rows that stay are left alone: somebody may be at one of them.
  const rows = new Map([...list.children].map((element) => [element.dataset.uploadId, element]));
  const wanted = new Set(sessions.map((session) => session.upload_id));
  for (const [uploadId, element] of rows) if (uploadId && !wanted.has(uploadId)) element.remove();
  let last = list.querySelector(".empty");
  for (const session of sessions) {
    const element = rows.get(session.upload_id) ?? finishedRow(session, onDelete);
    if (last.nextElementSibling !== element) last.after(element);
    last = element;
  }
}

function finishedRow({ upload_id: uploadId, file }, onDelete) {
  const element = row("#finished-row", file.name);
  element.dataset.uploadId = uploadId;
  element.querySelector(".size").textContent = `${bytes(file.size)} ·`;
  element.querySelector("code").textContent = file.sha256;
  const link = element.querySelector("a");
  link.href = file.url;
  link.setAttribute("aria-label", `Download ${file.name}`);
  const button = element.querySelector("[data-action=delete]");
  button.setAttribute("aria-label", `Delete ${file.name}`);
  button.addEventListener("click", () => onDelete(uploadId, file.name));
  return element;
}

/** Take a row off; the keyboard goes to what has come into its place. */
export function removeFinished(list, uploadId, heading) {
  const element = list.querySelector(`[data-upload-id="${uploadId}"]`);
  const neighbour = element?.nextElementSibling ?? element?.previousElementSibling;
  element?.remove();
  const there = neighbour?.querySelector("[data-action=delete]") ?? heading;
  there.focus();
}
