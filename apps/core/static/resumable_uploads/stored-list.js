// The stored files: by pages, to be searched, and with those of this page as they are stored.
import { announce } from "./announcer.js";
import { counts } from "./chunk-map.js";
import { reasonOf } from "./errors.js";
import { asOwner } from "./login.js";
import { deleteWhileLeaving } from "./parting.js";
import { RowList } from "./row-list.js";
import { StoredRow } from "./stored-row.js";
import { say } from "./texts.js";
import { undoable } from "./undo.js";

const PAGE = 50;
const SEARCH_MILLISECONDS = 300;
const section = document.querySelector("#stored");
const heading = document.querySelector("#stored-title");
const at = (selector) => section.querySelector(selector);

export class StoredList {
  #uploader;
  #list;
  #search = "";
  #cursor;
  #asked = 0;
  #loaded = false;
  /** Files that are about to be deleted, by their ids: lists come and go meanwhile. */
  #deleting = new Map();
  /** What was deleted from here, whatever a list that was asked for before says. */
  #gone = new Set();
  #again = () => this.refresh();
  #onDeleted;

  /** @param onDeleted told the id of an upload that is deleted */
  constructor(uploader, onDeleted) {
    this.#uploader = uploader;
    this.#onDeleted = onDeleted;
    const actions = { onDelete: (file) => this.#delete(file), onUndo: (file) => this.#undo(file) };
    // Whether there is more, the server says too.
    this.#list = new RowList(at(".rows"), (file) => new StoredRow(file, actions));
    at(".more").addEventListener("click", () => this.#ask(() => this.#showMore()));
    at(".failure button").addEventListener("click", () => this.#ask(this.#again));
    let timer;
    at("#search").addEventListener("input", ({ target }) => {
      clearTimeout(timer);
      // The next page would be one of what was searched for before.
      at(".more").hidden = true;
      timer = setTimeout(() => {
        this.#search = target.value.trim();
        this.#ask(() => this.refresh());
      }, SEARCH_MILLISECONDS);
    });
  }

  /** The first page, anew. @throws {UploadError} */
  async refresh() {
    const asked = ++this.#asked;
    const askedAt = performance.now();
    const { sessions, cursor } = await this.#page(asked);
    // Somebody typed on meanwhile.
    if (asked !== this.#asked) return;
    this.#cursor = cursor;
    const files = this.#filesOf(sessions);
    const listed = new Set(files.map(({ uploadId }) => uploadId));
    const since = this.#list.items.filter(({ uploadId, addedAt }) => addedAt > askedAt && !listed.has(uploadId));
    this.#list.show([...since, ...files]);
    this.#loaded = true;
    at(".failure").hidden = true;
    this.#showWhatThereIs();
  }

  /** Those that are shown already stay the same: somebody may be at one of them. */
  #filesOf(sessions) {
    const known = new Map(this.#list.items.map((file) => [file.uploadId, file]));
    return sessions
      .filter(({ upload_id: uploadId }) => !this.#gone.has(uploadId))
      .map((session) => known.get(session.upload_id) ?? this.#deleting.get(session.upload_id) ?? fileOf(session));
  }

  /** What was stored just now is first. */
  add(item) {
    const { result, chunks, file, relativePath } = item;
    if (this.#search && !result.name.toLowerCase().includes(this.#search.toLowerCase())) return;
    if (this.#list.items.some(({ uploadId }) => uploadId === result.uploadId)) return;
    this.#list.prepend({
      ...result,
      path: relativePath,
      storedAt: new Date(),
      addedAt: performance.now(),
      chunks: chunks?.length ?? 0,
      repaired: counts(chunks).repaired,
      local: file,
    });
    this.#list.rowOf(this.#list.items[0]).element.classList.add("arriving");
    this.#showWhatThereIs();
  }

  /** Tell why there is no list. */
  fail(error) {
    at(".failure").hidden = false;
    at(".failure .text").textContent = say("unlisted", { reason: reasonOf(error) });
    at(".skeleton").hidden = true;
  }

  async #showMore() {
    if (!this.#list.hasMore) await this.#loadMore();
    else this.#list.showMore();
    this.#showWhatThereIs();
  }

  async #loadMore() {
    const asked = ++this.#asked;
    const { sessions, cursor } = await this.#page(asked, this.#cursor);
    if (asked !== this.#asked) return;
    this.#cursor = cursor;
    const known = new Set(this.#list.items.map(({ uploadId }) => uploadId));
    const files = this.#filesOf(sessions).filter(({ uploadId }) => !known.has(uploadId));
    this.#list.append(files);
    at(".failure").hidden = true;
    if (this.#list.hasMore) this.#list.showMore();
    else this.#list.rowOf(files[0])?.element.querySelector("a").focus();
  }

  /** @throws {UploadError} unless something else was asked for meanwhile */
  async #page(asked, cursor) {
    const query = { status: "completed", page_size: PAGE };
    if (this.#search) query.search = this.#search;
    if (cursor) query.cursor = cursor;
    try {
      return await asOwner(() => this.#uploader.listPage(query));
    } catch (error) {
      if (asked === this.#asked) throw error;
      return {};
    }
  }

  async #ask(work) {
    this.#again = work;
    try {
      await work();
    } catch (error) {
      this.fail(error);
    }
  }

  #showWhatThereIs() {
    const isEmpty = this.#list.size === 0;
    at(".skeleton").hidden = true;
    at(".rows").hidden = isEmpty;
    at(".empty").hidden = !isEmpty || !this.#loaded;
    at(".empty").textContent = say(this.#search ? "nothing.found" : "nothing.stored");
    // Kept in its place: nothing moves when it comes.
    at("#search").classList.toggle("useless", isEmpty && !this.#search);
    at(".more").hidden = this.#cursor === undefined && !this.#list.hasMore;
  }

  #delete(file) {
    if (file.deleting) return;
    file.deleting = true;
    this.#deleting.set(file.uploadId, file);
    file.keep = undoable(
      () => this.#deleteNow(file),
      () => deleteWhileLeaving(file.uploadId),
    );
    this.#list.rowOf(file)?.update();
    announce(say("announce.undo", { name: file.name, what: say("deleted") }));
  }

  #undo(file) {
    file.keep();
    this.#keep(file);
  }

  #keep(file) {
    file.deleting = false;
    this.#deleting.delete(file.uploadId);
    this.#list.rowOf(file)?.update();
  }

  async #deleteNow(file) {
    this.#gone.add(file.uploadId);
    this.#list.removeUnderFocus(file, heading);
    this.#showWhatThereIs();
    try {
      await this.#uploader.deleteUpload(file.uploadId);
      this.#onDeleted(file.uploadId);
      announce(say("announce.deleted", { name: file.name }));
    } catch (error) {
      // It is still there, so it is shown again.
      this.#gone.delete(file.uploadId);
      this.#keep(file);
      await this.refresh().catch(() => {});
      this.fail(error);
    }
  }
}

/** What a row shows of a session as the API has it. */
function fileOf({ upload_id: uploadId, file, metadata, total_chunks: chunks, progress, created_at: begunAt }) {
  return {
    uploadId,
    name: file.name,
    size: file.size,
    sha256: file.sha256,
    compositeHash: file.composite_hash,
    url: file.url,
    path: typeof metadata.relative_path === "string" ? metadata.relative_path : undefined,
    storedAt: new Date(file.completed_at ?? begunAt),
    chunks,
    repaired: progress.damaged_chunks,
    verified: Boolean(file.sha256 || file.composite_hash),
    usedBy: file.used_by,
  };
}
