import type { UploadState } from "../options.js";
import type { Upload } from "../upload.js";
import type { FieldMemory } from "./memory.js";
import type { Failure } from "./reasons.js";
import type { FileSource } from "./sources.js";
import { hold } from "./tab-hold.js";
import type { Sender } from "./uploaders.js";

/** That of its upload; or `offered`: it was begun before the page was loaded, and its file is not at hand. */
export type ItemState = UploadState | "offered";

/** What an item works with, and whom it tells. */
export interface ItemParts {
  sender: Sender;
  purpose: string;
  memory: () => FieldMemory;
  onChange: (item: FileItem) => void;
  onProgress: (item: FileItem) => void;
  /** It is verified, failed, or began to wait. */
  onNews: (item: FileItem) => void;
}

/** What is known of an upload that this page did not begin. */
export interface KnownUpload {
  name: string;
  size: number;
  uploadId?: string | undefined;
  reference?: string | undefined;
  sha256?: string | undefined;
  percentage?: number | undefined;
  /** Lets go of it, for other pages. */
  release?: (() => void) | undefined;
}

const ENDED: readonly ItemState[] = ["offered", "completed", "failed", "aborted"];

/** One file of a field: on its way, finished, or waiting to be chosen again. */
export class FileItem {
  readonly name: string;
  readonly size: number;
  state: ItemState;
  uploadId: string | undefined;
  /** What the form posts once it is finished. */
  reference: string | undefined;
  sha256: string | undefined;
  /** 0 to 100; undefined where the server could not be asked. */
  percentage: number | undefined;
  sentBytes = 0;
  remainingSeconds: number | undefined;
  /** Why it waits or failed. */
  error: Failure | undefined;
  /** Whether one click resumes it, though its file was not chosen on this page. */
  reopens = false;
  /** The browser asks whether it may read the file. */
  asking = false;
  file: File | undefined;
  #handle: FileSystemFileHandle | undefined;
  #upload: Upload | undefined;
  #release: (() => void) | undefined;
  #gone = false;
  readonly #parts: ItemParts;

  constructor(parts: ItemParts, known: KnownUpload) {
    this.#parts = parts;
    this.name = known.name;
    this.size = known.size;
    this.uploadId = known.uploadId;
    this.reference = known.reference;
    this.sha256 = known.sha256;
    this.percentage = known.percentage;
    this.#release = known.release;
    this.state = known.reference === undefined ? "offered" : "completed";
  }

  /** Whether its form has to wait for it. */
  get sending(): boolean {
    return !this.#gone && !ENDED.includes(this.state);
  }

  /** Whether it is lost for now if the page is left. */
  get running(): boolean {
    return this.sending && this.state !== "paused";
  }

  /** Upload it, or resume what is there of it. */
  start({ file, handle }: FileSource, { anew = false } = {}): void {
    this.file = file;
    this.#handle = handle;
    this.error = undefined;
    this.asking = false;
    this.state = "queued";
    this.percentage = 0;
    const { sender, purpose } = this.#parts;
    this.#upload = sender.uploader.uploadFile(file, {
      purpose,
      ...(handle && { handle }),
      ...(this.uploadId !== undefined && !anew && { uploadId: this.uploadId }),
      ...(anew && { resume: false }),
      onSession: (uploadId) => this.#know(uploadId),
      onProgress: (percentage, { sentBytes }) => {
        this.percentage = percentage;
        this.sentBytes = sentBytes;
        this.#parts.onProgress(this);
      },
      onSpeed: ({ remainingSeconds }) => {
        this.remainingSeconds = remainingSeconds;
      },
      onStateChange: (state, { error }) => {
        if (state === "completed" || state === "failed") return; // With what it came to, below.
        const isNews = state === "waiting" && this.error?.code !== error?.code;
        this.error = error;
        this.#become(state);
        if (isNews) this.#parts.onNews(this);
      },
      onComplete: ({ reference, sha256 }) => {
        this.sha256 = sha256;
        if (reference !== undefined) this.#finish(reference);
        // What was remembered is in a row already: this is another upload of the same file.
        else if (!anew) this.start({ file, ...(handle && { handle }) }, { anew: true });
        else this.#fail({ code: "no_reference", detail: "" });
      },
      onError: (error) => {
        if (error.code !== "aborted") this.#fail(error);
      },
    });
    this.#parts.onChange(this);
  }

  pause(): void {
    this.#upload?.pause();
  }

  /** After a pause, at once instead of later, or again after it failed. */
  resume(): void {
    if (this.state === "failed" && this.file) {
      this.start({ file: this.file, ...(this.#handle && { handle: this.#handle }) });
      return;
    }
    this.#parts.sender.login.retry();
    this.#upload?.resume();
  }

  /** Resume with the file whose handle this browser has kept. Call it where somebody has just clicked. */
  async reopen(): Promise<void> {
    if (this.uploadId === undefined || this.asking) return;
    this.asking = true;
    this.#parts.onChange(this);
    const found = await this.#parts.sender.uploader.reopen(this.uploadId).catch(() => undefined);
    this.asking = false;
    if (this.#gone || this.state !== "offered") return;
    if (found && found.file.size === this.size) {
      this.start(found);
      return;
    }
    this.reopens = false;
    this.#parts.onChange(this);
  }

  /** End it here and on the server. */
  async discard(): Promise<void> {
    const { sending, uploadId } = this;
    this.leave();
    if (uploadId !== undefined) this.#parts.memory().remove(uploadId);
    try {
      if (sending) await this.#upload?.abort({ cancel: true });
      else if (uploadId !== undefined) await this.#parts.sender.uploader.deleteUpload(uploadId);
    } catch {
      // The server forgets it by itself, in time.
    }
  }

  /** End it here; the same file resumes it. */
  leave(): void {
    this.#gone = true;
    if (this.sending || this.#upload) void this.#upload?.abort();
    this.#release?.();
    this.#release = undefined;
  }

  /** Remember it under the field's present name. */
  remember(): void {
    const { uploadId, name: filename, size, reference, sha256 } = this;
    if (uploadId === undefined) return;
    this.#parts.memory().put({ uploadId, filename, size, ...(reference && { reference }), ...(sha256 && { sha256 }) });
  }

  #know(uploadId: string): void {
    const isOther = this.uploadId !== uploadId;
    if (isOther && this.uploadId !== undefined) this.#parts.memory().remove(this.uploadId);
    this.uploadId = uploadId;
    this.remember();
    if (!isOther && this.#release) return;
    this.#release?.();
    void hold(uploadId).then((release) => {
      if (this.#gone) release?.();
      else this.#release = release;
    });
  }

  #finish(reference: string): void {
    if (this.#gone) return;
    this.reference = reference;
    this.percentage = 100;
    this.error = undefined;
    this.remember();
    this.#become("completed");
    this.#parts.onNews(this);
  }

  #fail(error: Failure): void {
    if (this.#gone) return;
    this.error = error;
    this.#become("failed");
    this.#parts.onNews(this);
  }

  #become(state: ItemState): void {
    if (this.#gone) return;
    this.state = state;
    this.#parts.onChange(this);
  }
}
