import { UploadError } from "./errors.js";

export interface RetryOptions {
  /** Milliseconds before each further attempt; when they are used up, the upload fails. */
  retryDelays: readonly number[];
  shouldRetry: (error: UploadError, attempt: number) => boolean;
  /** Resolves when somebody has logged in. */
  onLoginRequired?: ((error: UploadError) => Promise<unknown>) | undefined;
}

/** Waits for an upload's requests: all that fail in one outage wait together, and being offline costs no attempt. */
export class Retrying {
  readonly #options: RetryOptions;
  readonly #onWait: (error: UploadError, milliseconds: number | undefined) => void;
  #wait: Promise<void> | undefined;
  /** When it ends, in milliseconds since the epoch; undefined: when the browser is online. */
  #until: number | undefined;
  #wake = new AbortController();

  /** @param onWait told for each request that waits: why, and how long (undefined: until the browser is online) */
  constructor(options: RetryOptions, onWait: (error: UploadError, milliseconds: number | undefined) => void) {
    this.#options = options;
    this.#onWait = onWait;
  }

  /**
   * Returns when the request may be tried again, and whether that attempt counts.
   *
   * @param attempt how often this request was tried again so far
   * @throws {UploadError} `error`, when it is final or the delays are used up
   */
  async before(error: UploadError, attempt: number, signal: AbortSignal): Promise<boolean> {
    if (error.code === "not_authenticated" && this.#options.onLoginRequired) {
      this.#onWait(error, undefined);
      await orAborted(this.#login(error), signal);
      return false;
    }
    if (!error.retryable) throw error;
    const online = globalThis.navigator?.onLine !== false;
    if (online) {
      if (attempt >= this.#options.retryDelays.length || !this.#options.shouldRetry(error, attempt)) throw error;
    }
    this.#wait ??= this.#sleep(online ? this.#delay(error, attempt) : undefined).finally(() => {
      this.#wait = undefined;
    });
    this.#onWait(error, this.#until && Math.max(this.#until - Date.now(), 0));
    await orAborted(this.#wait, signal);
    return online;
  }

  /** End the wait, if there is one. */
  wake(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  /** @throws {UploadError} `error`, when nobody logs in */
  async #login(error: UploadError): Promise<void> {
    try {
      await this.#options.onLoginRequired?.(error);
    } catch {
      throw error;
    }
  }

  #delay(error: UploadError, attempt: number): number {
    const delay = this.#options.retryDelays[attempt] ?? 0;
    // Between half and all of it, so that clients cut off together do not return together.
    const jittered = delay * (0.5 + Math.random() / 2);
    return Math.max(jittered, (error.retryAfter ?? 0) * 1000);
  }

  #sleep(milliseconds: number | undefined): Promise<void> {
    this.#until = milliseconds === undefined ? undefined : Date.now() + milliseconds;
    const wake = this.#wake.signal;
    return new Promise((resolve) => {
      const timer = milliseconds === undefined ? undefined : setTimeout(finish, milliseconds);
      function finish() {
        clearTimeout(timer);
        globalThis.removeEventListener?.("online", finish);
        wake.removeEventListener("abort", finish);
        resolve();
      }
      globalThis.addEventListener?.("online", finish);
      wake.addEventListener("abort", finish);
    });
  }
}

/** The promise, or an `aborted` error as soon as the signal says so. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new UploadError("aborted"));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return orAborted(new Promise((resolve) => setTimeout(resolve, milliseconds)), signal);
}
