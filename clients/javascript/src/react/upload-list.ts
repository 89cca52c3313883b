import { UploadError } from "../errors.js";
import type { UploaderOptions, UploadOptions, UploadResult, UploadState } from "../options.js";
import type { Upload } from "../upload.js";
import type { Uploader } from "../uploader.js";

/** One file as a component shows it. A new object whenever something of it changed. */
export interface UploadItem {
  /** Stable for the life of the list; a key. */
  readonly id: number;
  readonly file: File;
  readonly status: UploadState;
  /** 0 to 100, in tenths. */
  readonly progress: number;
  /** Bytes per second. */
  readonly speed: number;
  /** Seconds; undefined while nothing moves. */
  readonly remainingTime: number | undefined;
  /** Why it failed, or waits. */
  readonly error: UploadError | undefined;
  readonly result: UploadResult | undefined;
  pause(): void;
  resume(): void;
  /** End it, and tell the server to forget it. */
  cancel(): void;
  /** After it failed or was cancelled: resume from what the server has. */
  retry(): void;
  /** Delete it from the server, whatever its state, and take it off the list; `error` says why it could not be. */
  delete(): void;
  /** Take it off the list; one under way is stopped, and resumes when the file is chosen again. */
  remove(): void;
}

// Often enough for the eye; rendering for every event of every file would keep the page busy.
const RENDER_EVERY_MILLISECONDS = 50;

/** The uploads of one component, in a form that React's `useSyncExternalStore` can watch. */
export class UploadList {
  readonly #uploader: Uploader;
  readonly #events: () => Pick<UploaderOptions, "onComplete" | "onError">;
  readonly #uploads = new Map<number, Upload>();
  readonly #listeners = new Set<() => void>();
  #items: readonly UploadItem[] = [];
  #shown: readonly UploadItem[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nextId = 1;

  constructor(uploader: Uploader, events: () => Pick<UploaderOptions, "onComplete" | "onError">) {
    this.#uploader = uploader;
    this.#events = events;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): readonly UploadItem[] => this.#shown;

  /** Begin to upload files, each with these options. */
  readonly add = (files: Iterable<File>, options: UploadOptions = {}): void => {
    for (const file of files) {
      const id = this.#nextId++;
      this.#items = [...this.#items, this.#newItem(id, file, options)];
      this.#start(id, file, options);
    }
  };

  /** Stop all; the server keeps what it has. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    void this.#uploader.abort();
  }

  #newItem(id: number, file: File, options: UploadOptions): UploadItem {
    return {
      id,
      file,
      status: "queued",
      progress: 0,
      speed: 0,
      remainingTime: undefined,
      error: undefined,
      result: undefined,
      pause: () => this.#uploads.get(id)?.pause(),
      resume: () => this.#uploads.get(id)?.resume(),
      // One that cannot be reached now expires on the server.
      cancel: () =>
        void this.#uploads
          .get(id)
          ?.abort({ cancel: true })
          .catch(() => {}),
      retry: () => {
        const { status } = this.#items.find((item) => item.id === id) ?? {};
        if (status === "failed" || status === "aborted") this.#start(id, file, options);
      },
      delete: () => void this.#delete(id),
      remove: () => {
        void this.#uploads.get(id)?.abort();
        this.#remove(id);
      },
    };
  }

  async #delete(id: number): Promise<void> {
    const upload = this.#uploads.get(id);
    try {
      await upload?.abort();
      if (upload?.uploadId) await this.#uploader.deleteUpload(upload.uploadId);
      this.#remove(id);
    } catch (cause) {
      this.#change(id, { error: cause instanceof UploadError ? cause : new UploadError("unexpected", { cause }) });
    }
  }

  #remove(id: number): void {
    this.#uploads.delete(id);
    this.#items = this.#items.filter((item) => item.id !== id);
    this.#show();
  }

  #start(id: number, file: File, options: UploadOptions): void {
    this.#change(id, { status: "queued", progress: 0, error: undefined });
    const upload = this.#uploader.uploadFile(file, {
      ...options,
      onProgress: (progress) => this.#change(id, { progress }),
      onSpeed: ({ bytesPerSecond, remainingSeconds }) =>
        this.#change(id, { speed: bytesPerSecond, remainingTime: remainingSeconds }),
      onStateChange: (status, { error }) => this.#change(id, { status, error }),
      onComplete: (result) => {
        this.#change(id, { result, speed: 0, remainingTime: undefined });
        this.#events().onComplete?.(result);
      },
      onError: (error) => {
        this.#change(id, { error, speed: 0, remainingTime: undefined });
        if (error.code !== "aborted") this.#events().onError?.(error);
      },
    });
    this.#uploads.set(id, upload);
  }

  #change(id: number, change: Partial<UploadItem>): void {
    this.#items = this.#items.map((item) => (item.id === id ? { ...item, ...change } : item));
    if ("status" in change) this.#show();
    else this.#timer ??= setTimeout(() => this.#show(), RENDER_EVERY_MILLISECONDS);
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#shown = this.#items;
    for (const listener of this.#listeners) listener();
  }
}
