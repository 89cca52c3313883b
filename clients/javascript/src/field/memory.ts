/** What a field had when its page was left: an upload on its way, or one that was finished and not saved with its form. */
export interface Remembered {
  uploadId: string;
  filename: string;
  size: number;
  /** Of a finished one, as the form posts it. */
  reference?: string;
  sha256?: string;
  /** Milliseconds since the epoch. */
  keptAt: number;
}

type Kept = Pick<Storage, "getItem" | "setItem" | "removeItem">;

// The server forgets uploads after a week at the latest.
const KEPT_MILLISECONDS = 8 * 24 * 3600 * 1000;

/** Remembers the uploads of one field of one page, by the page's path and the field's name, for all tabs. */
export class FieldMemory {
  readonly #key: string;
  readonly #storage: () => Kept;
  readonly #now: () => number;

  constructor(path: string, name: string, storage: () => Kept = () => localStorage, now: () => number = Date.now) {
    this.#key = `resumable-uploads field ${path} ${name}`;
    this.#storage = storage;
    this.#now = now;
  }

  /** The newest first. */
  list(): Remembered[] {
    try {
      const all: unknown = JSON.parse(this.#storage().getItem(this.#key) ?? "[]");
      const oldest = this.#now() - KEPT_MILLISECONDS;
      return Array.isArray(all) ? all.filter((each: Remembered) => each.uploadId && each.keptAt >= oldest) : [];
    } catch {
      return []; // Denied, or spoilt.
    }
  }

  put(upload: Omit<Remembered, "keptAt">): void {
    const others = this.list().filter(({ uploadId }) => uploadId !== upload.uploadId);
    this.#write([{ ...upload, keptAt: this.#now() }, ...others]);
  }

  remove(uploadId: string): void {
    this.#write(this.list().filter((each) => each.uploadId !== uploadId));
  }

  /** The form was sent: what was not finished then is not wanted there any more. What was, the server knows. */
  removeUnfinished(): void {
    this.#write(this.list().filter(({ reference }) => reference !== undefined));
  }

  #write(all: Remembered[]): void {
    try {
      if (all.length > 0) this.#storage().setItem(this.#key, JSON.stringify(all));
      else this.#storage().removeItem(this.#key);
    } catch {
      // Denied, or full: the file is chosen again then.
    }
  }
}
