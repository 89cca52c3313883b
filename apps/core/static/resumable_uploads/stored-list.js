// The stored files: by pages, to be searched, and with those of this page as they are stored.
import { announce } from "./announcer.js";
import { reasonOf } from "./errors.js";
import { headersNow } from "./login.js";
import { pageData } from "./page-data.js";
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

  constructor(uploader) {
    this.#uploader = uploader;
    const actions = { onDelete: (file) => this.#delete(file), onUndo: (file) => this.#undo(file) };
    // Whether there is more, the server says too.
    this.#list = new RowList(at(".rows"), (file) => new StoredRow(file, actions));
    at(".more").addEventListener("click", () => this.#ask(() => this.#showMore()));
    at(".failure button").addEventListener("click", () => this.#ask(() => this.refresh()));
    let timer;
    at("#search").addEventListener("input", ({ target }) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        this.#search = target.value.trim();
        this.#ask(() => this.refresh());
      }, SEARCH_MILLISECONDS);
    });
  }

  /** The first page, anew. @throws {UploadError} */
  async refresh() {
    const asked = ++this.#asked;
    const { sessions, cursor } = await this.#page();
    // Somebody typed on meanwhile.
    if (asked !== this.#asked) return;
    this.#cursor = cursor;
    const known = new Map(this.#list.items.map((file) => [file.uploadId, file]));
    this.#list.show(sessions.map((session) => known.get(session.upload_id) ?? fileOf(session)));
    this.#loaded = true;
    this.#showWhatThereIs();
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
      chunks: chunks?.length ?? 0,
      repaired: [...(chunks ?? [])].filter((state) => state === 4).length,
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
    const { sessions, cursor } = await this.#page(this.#cursor);
    if (asked !== this.#asked) return;
    this.#cursor = cursor;
    const known = new Set(this.#list.items.map(({ uploadId }) => uploadId));
    const files = sessions.map(fileOf).filter(({ uploadId }) => !known.has(uploadId));
    this.#list.append(files);
    if (this.#list.hasMore) this.#list.showMore();
    else this.#list.rowOf(files[0])?.element.querySelector("a").focus();
  }

  #page(cursor) {
    const query = { status: "completed", page_size: PAGE };
    if (this.#search) query.search = this.#search;
    if (cursor) query.cursor = cursor;
    return this.#uploader.listPage(query);
  }

  async #ask(work) {
    try {
      await work();
    } catch (error) {
      this.fail(error);
    }
  }

  #showWhatThereIs() {
    const isEmpty = this.#list.size === 0;
    at(".failure").hidden = true;
    at(".skeleton").hidden = true;
    at(".rows").hidden = isEmpty;
    at(".empty").hidden = !isEmpty || !this.#loaded;
    at(".empty").textContent = say(this.#search ? "nothing.found" : "nothing.stored");
    // Kept in its place: nothing moves when it comes.
    at("#search").classList.toggle("useless", isEmpty && !this.#search);
    at(".more").hidden = this.#cursor === undefined && !this.#list.hasMore;
  }

  #delete(file) {
    file.deleting = true;
    file.keep = undoable(
      () => this.#deleteNow(file),
      () => {
        const request = { method: "DELETE", headers: headersNow(), keepalive: true };
        fetch(pageData.apiUrl + file.uploadId, request).catch(() => {});
      },
    );
    this.#list.rowOf(file)?.update();
    announce(say("announce.undo", { name: file.name, what: say("deleted") }));
  }

  #undo(file) {
    file.keep();
    file.deleting = false;
    this.#list.rowOf(file)?.update();
  }

  async #deleteNow(file) {
    const place = this.#list.items.indexOf(file);
    this.#list.removeUnderFocus(file, heading);
    this.#showWhatThereIs();
    try {
      await this.#uploader.deleteUpload(file.uploadId);
      announce(say("announce.deleted", { name: file.name }));
    } catch (error) {
      // It is still there, so it is shown again.
      file.deleting = false;
      const items = [...this.#list.items];
      items.splice(Math.max(place, 0), 0, file);
      this.#list.show(items);
      this.fail(error);
      at(".rows").hidden = false;
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
  };
}
