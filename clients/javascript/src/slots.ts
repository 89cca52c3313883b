import { UploadError } from "./errors.js";

/** A bound on how much happens at once; who asked first is served first. */
export class Slots {
  readonly #most: number;
  #limit: number;
  #used = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#most = count;
    this.#limit = count;
  }

  /**
   * Wait for a slot. Call what it resolves to, once, to give the slot back.
   *
   * @throws {UploadError} `aborted` when the signal comes first
   */
  async acquire(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw new UploadError("aborted");
    if (this.#used < this.#limit) this.#used++;
    else await this.#turn(signal);
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

  /** One more than now, up to the count this was made with. */
  widen(): void {
    this.#limit = Math.min(this.#limit + 1, this.#most);
    this.#admit();
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(new UploadError("aborted"));
      };
      const turn = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      this.#waiting.push(turn);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  #admit(): void {
    while (this.#used < this.#limit && this.#waiting.length > 0) {
      this.#used++;
      this.#waiting.shift()?.();
    }
  }
}
