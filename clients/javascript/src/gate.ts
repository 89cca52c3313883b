import { orAborted } from "./retrying.js";

/** Lets through while open; while closed, all wait. What is under way lands, unless it is interrupted. */
export class Gate {
  #opened: Promise<void> | undefined;
  #open: () => void = () => {};
  #interruption = new AbortController();

  get closed(): boolean {
    return this.#opened !== undefined;
  }

  /** Aborted when what is under way is interrupted. */
  get signal(): AbortSignal {
    return this.#interruption.signal;
  }

  close(): void {
    this.#opened ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#opened = undefined;
    this.#open();
  }

  interrupt(): void {
    this.#interruption.abort();
    this.#interruption = new AbortController();
  }

  async pass(signal: AbortSignal): Promise<void> {
    while (this.#opened) await orAborted(this.#opened, signal);
  }
}
