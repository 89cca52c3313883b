// The row of a stored file: that it is whole, where it belongs, and how to get it back.
import { actionButton, closeDetails, copyable, toggleDetails } from "./details.js";
import { ago, bytes, count, moment } from "./format.js";
import { folderOf } from "./names.js";
import { label, newRow, setText, showActions, showThumbnail } from "./rows.js";
import { say } from "./texts.js";

export class StoredRow {
  #file;
  #onDelete;

  /**
   * @param file `{uploadId, name, size, sha256, compositeHash, url, path, storedAt, chunks, repaired, verified, usedBy,
   *   local}`, and `deleting`
   */
  constructor(file, { onDelete, onUndo }) {
    this.#file = file;
    this.#onDelete = onDelete;
    this.element = newRow("#stored-row", file.name, file.path ?? file.name);
    this.element.dataset.uploadId = file.uploadId;
    const link = this.element.querySelector("a");
    link.href = file.url;
    label(link, say("button.download", { name: file.name }));
    const details = this.element.querySelector("[data-action=details]");
    details.addEventListener("click", () => this.#toggleDetails());
    this.element.querySelector("[data-action=undo]").addEventListener("click", () => onUndo(file));
    if (file.local) showThumbnail(this.element.querySelector(".thumb"), file.local);
    // Nobody needs it any more, and there may be thousands.
    file.local = undefined;
    this.update();
  }

  update() {
    const { deleting, verified, size, storedAt, path, repaired, usedBy } = this.#file;
    this.element.dataset.state = deleting ? "undo" : "stored";
    this.element.querySelector("a").hidden = Boolean(deleting);
    showActions(this.element, deleting ? ["undo"] : ["details"]);
    setText(this.element.querySelector(".verified"), deleting ? "" : say(verified ? "verified" : "unverified"));
    const mended = repaired && say("repaired", { count: repaired });
    const facts = [bytes(size), ago(storedAt), folderOf(path), usedBy && say("in.use"), mended];
    const text = deleting ? say("deleted") : ` · ${facts.filter(Boolean).join(" · ")}`;
    setText(this.element.querySelector(".facts"), text);
    if (deleting) closeDetails(this.element);
  }

  #toggleDetails() {
    const { name, sha256, compositeHash, url, storedAt, chunks, usedBy } = this.#file;
    const remove = () => actionButton(say("delete"), say("button.delete", { name }), () => this.#onDelete(this.#file));
    toggleDetails(this.element, {
      facts: [
        ...(sha256 ? [[say("details.sha256"), copyable(sha256)]] : []),
        ...(compositeHash && !sha256 ? [[say("details.composite"), copyable(compositeHash)]] : []),
        [say("details.link"), copyable(new URL(url, location.href).href)],
        [say("details.chunks"), count(chunks)],
        [say("details.stored"), moment(storedAt)],
        ...(usedBy ? [[say("details.used.by"), `${usedBy.field} ${usedBy.pk}`]] : []),
      ],
      actions: usedBy ? [] : [remove()],
    });
  }
}
