import { UploadError } from "./errors.js";

// Whoever was passed over this often by smaller ones is next, so that nobody starves.
const MOST_PASSED_OVER = 3;

interface Waiting {
  size: number;
  passedOver: number;
  admit: () => void;
}

/** A bound on how much happens at once. Small ones overtake large ones; among equals, who asked first is first. */
export class Slots {
  readonly #most: number;
  #limit: number;
  #used = 0;
  readonly #waiting: Waiting[] = [];

  /**
   * @param most at once, ever
   * @param atFirst at once, until {@link widen} allows more
   */
  constructor(most: number, atFirst = most) {
    this.#most = most;
    this.#limit = atFirst;
  }

  /**
   * Wait for a slot. Call what it resolves to, once, to give the slot back.
   *
   * @param size of what it is for; the smallest is admitted next
   * @throws {UploadError} `aborted` when the signal comes first
   */
  async acquire(signal: AbortSignal, size = 0): Promise<() => void> {
    if (signal.aborted) throw new UploadError("aborted");
    if (this.#used < this.#limit) this.#used++;
    else await this.#turn(signal, size);
    let held = true;
    return () => {
      if (held) this.#used--;
      held = false;
      this.#admit();
    };
  }

  /** One at a time from now on: over a line that breaks, one chunk gets through sooner than four. */
  narrow(): void {
    this.#limit = 1;
  }

  /** One more at once than now, up to `most` and to what this was made with; fewer at once if `most` is less. */
  widen(most = this.#most): void {
    this.#limit = Math.max(Math.min(this.#limit + 1, most, this.#most), 1);
    this.#admit();
  }

  #turn(signal: AbortSignal, size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(new UploadError("aborted"));
      };
      const admit = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const waiting = { size, passedOver: 0, admit };
      this.#waiting.push(waiting);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  #admit(): void {
    while (this.#used < this.#limit && this.#waiting.length > 0) {
      this.#used++;
      this.#takeNext().admit();
    }
  }

  #takeNext(): Waiting {
    const smallest = Math.min(...this.#waiting.map(({ size }) => size));
    const starving = this.#waiting.findIndex(({ passedOver }) => passedOver >= MOST_PASSED_OVER);
    const place = starving >= 0 ? starving : this.#waiting.findIndex(({ size }) => size === smallest);
    for (const earlier of this.#waiting.slice(0, place)) earlier.passedOver++;
    return this.#waiting.splice(place, 1)[0] as Waiting;
  }
}
