// The uploads that wait for somebody: begun earlier, here or elsewhere, and not under way on this page.
import { announce } from "./announcer.js";
import { asOwner } from "./login.js";
import { cancelWhileLeaving } from "./parting.js";
import { inOtherTabs, whenLetGo } from "./presence.js";
import { RowList } from "./row-list.js";
import { say } from "./texts.js";
import { undoable } from "./undo.js";
import { WaitingRow } from "./waiting-row.js";

const section = document.querySelector("#waiting");
const heading = document.querySelector("#waiting-title");

export class WaitingList {
  #uploader;
  #isBusy;
  #list;
  /** By their ids, so that rows stay while others come and go. */
  #known = new Map();
  /** Cancelled from here, whatever a list that was asked for before says. */
  #gone = new Set();

  /**
   * @param isBusy whether an upload of this id is under way on this page
   * @param onFile begins with `(upload, source)`
   */
  constructor(uploader, { isBusy, onFile }) {
    this.#uploader = uploader;
    this.#isBusy = isBusy;
    const actions = {
      reopen: (upload) => uploader.reopen(upload.uploadId).catch(() => undefined),
      onFile,
      onDiscard: (upload) => this.#discard(upload),
      onUndo: (upload) => this.#undo(upload),
    };
    this.#list = new RowList(
      section.querySelector(".rows"),
      (upload) => new WaitingRow(upload, actions),
      section.querySelector(".more"),
    );
  }

  /** The upload that a file with this path, name and size would resume, if there is one. */
  matching({ file, relativePath, filename = file.name }) {
    return [...this.#known.values()].find(
      (upload) =>
        !upload.discarding &&
        !this.#isBusy(upload.uploadId) &&
        upload.filename === filename &&
        upload.size === file.size &&
        upload.metadata.relative_path === relativePath,
    );
  }

  /** Ask the server again. @throws {UploadError} */
  async refresh() {
    const listed = await asOwner(() => this.#uploader.unfinished());
    const uploads = listed.filter(({ uploadId }) => !this.#gone.has(uploadId));
    const ids = new Set(uploads.map(({ uploadId }) => uploadId));
    for (const uploadId of this.#known.keys()) if (!ids.has(uploadId)) this.#known.delete(uploadId);
    for (const upload of uploads) {
      const known = this.#known.get(upload.uploadId);
      this.#known.set(upload.uploadId, Object.assign(known ?? {}, upload));
    }
    await this.update();
  }

  /** Show what is not under way here. */
  async update() {
    const elsewhere = await inOtherTabs();
    const waiting = [...this.#known.values()].filter(({ uploadId }) => !this.#isBusy(uploadId));
    for (const upload of waiting) upload.inOtherTab = elsewhere.has(upload.uploadId);
    section.hidden = waiting.length === 0;
    this.#list.show(waiting);
    for (const upload of waiting) {
      this.#list.rowOf(upload)?.update();
      if (upload.inOtherTab) whenLetGo(upload.uploadId, () => this.update());
    }
  }

  /** It goes on, on this page: whoever discarded it meant that no more. */
  takeBack(uploadId) {
    const upload = this.#known.get(uploadId);
    if (upload?.discarding) this.#undo(upload);
  }

  /** It is completed. */
  forget(uploadId) {
    this.#known.delete(uploadId);
  }

  /** It was cancelled from here. */
  bury(uploadId) {
    this.#gone.add(uploadId);
    this.#known.delete(uploadId);
  }

  #discard(upload) {
    const { uploadId, filename } = upload;
    if (upload.discarding) return;
    upload.discarding = true;
    upload.keep = undoable(
      async () => {
        this.#remove(upload);
        // Where the server cannot be reached, it forgets the upload by itself, in a day.
        await this.#uploader.cancel(uploadId).catch(() => {});
      },
      () => cancelWhileLeaving(uploadId),
    );
    this.#list.rowOf(upload)?.update();
    announce(say("announce.undo", { name: filename, what: say("discarded") }));
  }

  #undo(upload) {
    upload.keep();
    upload.discarding = false;
    this.#list.rowOf(upload)?.update();
  }

  #remove(upload) {
    this.bury(upload.uploadId);
    this.#list.removeUnderFocus(upload, heading);
    section.hidden = this.#list.size === 0;
  }
}
