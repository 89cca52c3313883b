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

/** What is stored, with its proof and a way to get it back. */
export function showFinished(list, sessions) {
  if (sessions.length === 0) return;
  list.replaceChildren(
    ...sessions.map(({ file }) => {
      const element = row("#finished-row", file.name);
      element.querySelector(".size").textContent = `${bytes(file.size)} ·`;
      element.querySelector("code").textContent = file.sha256;
      const link = element.querySelector("a");
      link.href = file.url;
      link.setAttribute("aria-label", `Download ${file.name}`);
      return element;
    }),
  );
}
