/* Several files as one. See `on-demand.ts`. */
import type { UploadError } from "./errors.js";
import type { Source, UploadOptions, UploadResult } from "./options.js";
import type { Upload } from "./upload.js";

/** What the files of a batch come to. */
export interface Totals {
  files: number;
  completed: number;
  /** Failed or aborted. */
  failed: number;
  sentBytes: number;
  totalBytes: number;
  /** 0 to 100; of files without a byte, by their number. */
  percentage: number;
  bytesPerSecond: number;
  /** Seconds; undefined while nothing moves. */
  remainingSeconds: number | undefined;
}

export interface BatchOptions extends Omit<UploadOptions, "uploadId" | "filename" | "handle" | "fingerprint"> {
  /** Told whenever something of them changes. */
  onTotals?: (totals: Totals) => void;
}

type Start = (source: Source, options: UploadOptions) => Upload;

/** Files that are uploaded together. */
export class Batch {
  /** In the order in which they were given. */
  readonly uploads: readonly Upload[];
  readonly #sent: number[];
  readonly #speeds: number[];
  readonly #onTotals: ((totals: Totals) => void) | undefined;

  constructor(sources: Iterable<Source>, { onTotals, ...options }: BatchOptions, start: Start) {
    const all = [...sources];
    this.#onTotals = onTotals;
    this.#sent = all.map(() => 0);
    this.#speeds = all.map(() => 0);
    this.uploads = all.map((source, place) => start(source, this.#watching(place, options)));
    for (const upload of this.uploads) upload.then(this.#tell, this.#tell);
    // Also of no files at all.
    queueMicrotask(this.#tell);
  }

  get totals(): Totals {
    const states = this.uploads.map(({ state }) => state);
    const count = (...wanted: string[]) => states.filter((state) => wanted.includes(state)).length;
    const completed = count("completed");
    // A stream is as large as what has come of it.
    const totalBytes = sum(this.uploads.map(({ file }, place) => Math.max(file.size, this.#sent[place] ?? 0)));
    const sentBytes = sum(this.#sent);
    const bytesPerSecond = sum(this.#speeds);
    return {
      files: this.uploads.length,
      completed,
      failed: count("failed", "aborted"),
      sentBytes,
      totalBytes,
      percentage: totalBytes ? (sentBytes / totalBytes) * 100 : (completed / this.uploads.length) * 100 || 0,
      bytesPerSecond,
      remainingSeconds: bytesPerSecond ? (totalBytes - sentBytes) / bytesPerSecond : undefined,
    };
  }

  /** What each came to, as `Promise.allSettled` has it. */
  get results(): Promise<PromiseSettledResult<UploadResult>[]> {
    return Promise.allSettled(this.uploads);
  }

  pause(): void {
    for (const upload of this.uploads) upload.pause();
  }

  resume(): void {
    for (const upload of this.uploads) upload.resume();
  }

  /** @throws {UploadError} when the server cannot be told to cancel them */
  async abort(options: { cancel?: boolean } = {}): Promise<void> {
    await Promise.all(this.uploads.map((upload) => upload.abort(options)));
  }

  readonly #tell = () => {
    try {
      this.#onTotals?.(this.totals);
    } catch (error) {
      (globalThis.reportError ?? console.error)(error);
    }
  };

  #watching(place: number, options: UploadOptions): UploadOptions {
    return {
      ...options,
      onProgress: (percentage, bytes) => {
        this.#sent[place] = bytes.sentBytes;
        options.onProgress?.(percentage, bytes);
        this.#tell();
      },
      onSpeed: (speed) => {
        this.#speeds[place] = speed.bytesPerSecond;
        options.onSpeed?.(speed);
      },
      // A batch is not lost with one of its files: `results` tells of it.
      onError: (error: UploadError) => {
        this.#speeds[place] = 0;
        options.onError?.(error);
      },
      onComplete: (result) => {
        this.#speeds[place] = 0;
        options.onComplete?.(result);
      },
    };
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}
