import { UploadError } from "../errors.js";
import type { UploadOptions } from "../options.js";
import type { Upload } from "../upload.js";
import type { Uploader } from "../uploader.js";
import { eventsOf, type ItemOptions, type ListOptions, type Tell, tellAll } from "./options.js";
import { totalsOf, type UploadTotals } from "./totals.js";
import { canRetry, hasEnded, type UploadItem } from "./upload-item.js";

/** What a list shows. A new object whenever something of it changed. */
export interface UploadsState {
  readonly uploads: readonly UploadItem[];
  readonly totals: UploadTotals;
}

/** What can be done with all of a list. The functions are always the same: safe in dependency lists. */
export interface UploadActions {
  /** Begin to upload files, each with these options besides the list's. */
  readonly upload: (files: Iterable<File> | null | undefined, options?: ItemOptions) => void;
  readonly pauseAll: () => void;
  readonly resumeAll: () => void;
  /** End those that have not ended, and tell the server to forget them. */
  readonly cancelAll: () => void;
  /** Take those off the list that are completed. */
  readonly clearCompleted: () => void;
}

interface Entry {
  item: UploadItem;
  readonly options: ItemOptions;
  upload?: Upload;
  /** The server is being told to forget it. */
  cancelling?: Promise<void> | undefined;
}

// Often enough for the eye; rendering for every event of every file would keep the page busy.
const RENDER_EVERY_MILLISECONDS = 50;

export const NOTHING: UploadsState = { uploads: [], totals: totalsOf([]) };

/**
 * Uploads in a form that React's `useSyncExternalStore` can watch.
 *
 * Nothing of a browser is touched before the first file: components are rendered on servers too.
 */
export class UploadList {
  readonly actions: UploadActions = {
    upload: (files, options) => this.#add(files, options),
    pauseAll: () => this.#act(this.#entries.values(), this.#pause),
    resumeAll: () => this.#act(this.#entries.values(), this.#resume),
    cancelAll: () => this.#act(this.#entries.values(), this.#cancel),
    clearCompleted: () => {
      const completed = [...this.#entries.values()].filter(({ item }) => item.status === "completed");
      this.#act(completed, this.#remove);
    },
  };
  readonly #latest: () => ListOptions;
  readonly #newUploader: (latest: () => ListOptions) => Uploader;
  readonly #entries = new Map<number, Entry>();
  readonly #listeners = new Set<() => void>();
  #uploader: Uploader | undefined;
  #shown: UploadsState = NOTHING;
  #shownAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nextId = 1;
  #holders = 0;
  #closed = false;

  constructor(latest: () => ListOptions, newUploader: (latest: () => ListOptions) => Uploader) {
    this.#latest = latest;
    this.#newUploader = newUploader;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): UploadsState => this.#shown;

  /** Keeps the uploads going until the function that it returns is called; without a holder all stop, and none begins. */
  readonly hold = (): (() => void) => {
    this.#holders++;
    this.#closed = false;
    return () => {
      this.#holders--;
      // Not at once: StrictMode lets go of everything and takes hold again, and what children began meanwhile goes on.
      queueMicrotask(() => {
        if (this.#holders === 0) this.#close();
      });
    };
  };

  #close(): void {
    this.#closed = true;
    void this.#uploader?.abort();
  }

  #add(files: Iterable<File> | null | undefined, options: ItemOptions = {}): void {
    if (this.#closed) return;
    for (const file of files ?? []) {
      const entry: Entry = { item: this.#newItem(this.#nextId++, file), options };
      this.#entries.set(entry.item.id, entry);
      this.#start(entry);
    }
    this.#show();
  }

  #newItem(id: number, file: File): UploadItem {
    const acting = (act: (entry: Entry) => void) => () => {
      const entry = this.#entries.get(id);
      if (entry) this.#act([entry], act);
    };
    return {
      id,
      file,
      uploadId: undefined,
      status: "queued",
      progress: 0,
      sentBytes: 0,
      speed: 0,
      remainingTime: undefined,
      error: undefined,
      canRetry: false,
      result: undefined,
      pause: acting(this.#pause),
      resume: acting(this.#resume),
      cancel: acting(this.#cancel),
      retry: acting((entry) => void this.#retry(entry)),
      delete: acting((entry) => void this.#delete(entry)),
      remove: acting(this.#remove),
    };
  }

  /** What somebody does is shown at once; what happens by itself, soon. */
  #act(entries: Iterable<Entry>, act: (entry: Entry) => void): void {
    for (const entry of [...entries]) act(entry);
    this.#show();
  }

  readonly #pause = ({ upload }: Entry) => upload?.pause();

  readonly #resume = ({ upload }: Entry) => upload?.resume();

  readonly #cancel = (entry: Entry) => {
    // One that cannot be reached now expires on the server.
    if (!hasEnded(entry.item)) entry.cancelling = entry.upload?.abort({ cancel: true }).catch(() => {});
  };

  readonly #remove = (entry: Entry) => {
    this.#entries.delete(entry.item.id);
    void entry.upload?.abort();
  };

  async #retry(entry: Entry): Promise<void> {
    // Else it could resume the very session that is being forgotten.
    await entry.cancelling;
    const { id, status } = entry.item;
    if (this.#closed || this.#entries.get(id) !== entry || (status !== "failed" && status !== "aborted")) return;
    // Only the first attempt was to begin anew.
    const resume = status === "failed" && entry.upload?.uploadId !== undefined;
    this.#change(entry, { status: "queued", progress: 0, sentBytes: 0, uploadId: undefined, error: undefined });
    this.#start(entry, resume ? { resume } : {});
    this.#show();
  }

  async #delete(entry: Entry): Promise<void> {
    try {
      await entry.upload?.abort();
      if (entry.upload?.uploadId) await this.#uploader?.deleteUpload(entry.upload.uploadId);
      this.#act([entry], this.#remove);
    } catch (cause) {
      this.#change(entry, { error: cause instanceof UploadError ? cause : new UploadError("unexpected", { cause }) });
    }
  }

  #start(entry: Entry, changed: UploadOptions = {}): void {
    this.#uploader ??= this.#newUploader(this.#latest);
    const tell: Tell = (name, ...details) => tellAll([this.#latest(), entry.options], entry.item, name, details);
    entry.upload = this.#uploader.uploadFile(entry.item.file, {
      ...this.#latest(),
      ...entry.options,
      ...changed,
      ...eventsOf((change) => this.#change(entry, change), tell),
    });
  }

  #change(entry: Entry, change: Partial<UploadItem>): void {
    const item = { ...entry.item, ...change };
    entry.item = { ...item, canRetry: canRetry(item.status, item.error) };
    if (this.#entries.has(item.id)) this.#showSoon();
  }

  #showSoon(): void {
    if (this.#timer !== undefined) return;
    const wait = this.#shownAt + RENDER_EVERY_MILLISECONDS - performance.now();
    if (wait <= 0) this.#show();
    else this.#timer = setTimeout(() => this.#show(), wait);
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#shownAt = performance.now();
    const uploads = [...this.#entries.values()].map(({ item }) => item);
    this.#shown = { uploads, totals: totalsOf(uploads) };
    for (const listener of this.#listeners) listener();
  }
}
