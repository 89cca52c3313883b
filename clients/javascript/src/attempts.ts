import { UploadError } from "./errors.js";
import { Gate } from "./gate.js";
import type { Settings } from "./options.js";
import { orAborted, Retrying } from "./retrying.js";
import type { Slots } from "./slots.js";

/** What an upload hears of its attempts. */
export interface AttemptEvents {
  /** It waits for its turn among the files. */
  onQueue?(): void;
  /** It waits before it tries again: why, and how long (undefined: until the browser is online, or somebody logs in). */
  onWait?(error: UploadError, milliseconds: number | undefined): void;
  /** It is about to do something. */
  onGo?(): void;
}

/** How one upload uses the network: in its turn among the files, not while paused, and again after what may pass. */
export class Attempts {
  readonly #files: Slots;
  readonly #size: number;
  readonly #events: AttemptEvents;
  readonly #gate = new Gate();
  readonly #life = new AbortController();
  readonly #retrying: Retrying;
  #turn: Promise<void> | undefined;
  #giveTurn: (() => void) | undefined;
  #failure: UploadError | undefined;

  /** @param size of the file, in bytes: small ones have their turn before large ones */
  constructor(settings: Settings, files: Slots, size: number, events: AttemptEvents = {}) {
    this.#files = files;
    this.#size = size;
    this.#events = events;
    this.#retrying = new Retrying(settings, (error, milliseconds) => events.onWait?.(error, milliseconds));
  }

  get paused(): boolean {
    return this.#gate.closed;
  }

  /** Whether it has its turn and is not paused. */
  get going(): boolean {
    return this.#giveTurn !== undefined && !this.paused;
  }

  /** Aborted when the upload is. */
  get signal(): AbortSignal {
    return this.#life.signal;
  }

  /** Begin nothing from now on, and give the turn to another file. What is under way lands. */
  pause(): void {
    this.#gate.close();
    this.endTurn();
  }

  /** Resume, also instead of waiting for the next attempt. */
  resume(): void {
    this.#gate.open();
    this.#retrying.wake();
  }

  /** End everything for good; what runs throws `aborted`. */
  abort(): void {
    this.#life.abort();
    this.endTurn();
  }

  /** Let everything that runs throw this error, which befell one of several. */
  fail(error: UploadError): void {
    this.#failure ??= error;
    this.#gate.interrupt();
    this.#retrying.wake();
  }

  /** Begin again after `fail()`. */
  forgive(): void {
    this.#failure = undefined;
  }

  /** Give the turn to another file. */
  endTurn(): void {
    this.#giveTurn?.();
    this.#giveTurn = undefined;
  }

  /**
   * Do something on the network.
   *
   * @param work is given a signal that aborts it when the upload ends
   * @throws {UploadError} what is final, or lasted longer than the retry delays
   */
  async run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; ) {
      await this.#enter();
      const signal = AbortSignal.any([this.#gate.signal, this.#life.signal]);
      try {
        // Whatever an application's own function takes for ever, an abort ends it here.
        return await orAborted(work(signal), this.#life.signal);
      } catch (error) {
        if (this.#life.signal.aborted) throw new UploadError("aborted");
        if (signal.aborted) continue;
        if (!(error instanceof UploadError)) throw error;
        if (await this.#retrying.before(error, attempt, this.#life.signal)) attempt++;
      }
    }
  }

  /** @throws {UploadError} when the upload was aborted or failed */
  throwIfOver(): void {
    if (this.#life.signal.aborted) throw new UploadError("aborted");
    if (this.#failure) throw this.#failure;
  }

  async #enter(): Promise<void> {
    do {
      await this.#gate.pass(this.#life.signal);
      this.throwIfOver();
      if (!this.#giveTurn) await this.#waitForTurn();
    } while (this.paused);
    this.throwIfOver();
    this.#events.onGo?.();
  }

  #waitForTurn(): Promise<void> {
    this.#events.onQueue?.();
    this.#turn ??= this.#files
      .acquire(this.#life.signal, this.#size)
      .then((release) => {
        if (this.paused) release();
        else this.#giveTurn = release;
      })
      .finally(() => {
        this.#turn = undefined;
      });
    return this.#turn;
  }
}
