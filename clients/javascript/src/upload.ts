import type { Proof, SessionDocument, UploadApi } from "./api.js";
import { Attempts } from "./attempts.js";
import { canDigest } from "./digests.js";
import { UploadError } from "./errors.js";
import type { Line } from "./line.js";
import type { Load } from "./load.js";
import { ONE_CHUNK } from "./one-request.js";
import {
  resultOf,
  type Settings,
  type StateDetails,
  type UploadEvents,
  type UploadOptions,
  type UploadResult,
  type UploadState,
} from "./options.js";
import { Progress } from "./progress.js";
import { SessionOpener } from "./session.js";
import type { Slots } from "./slots.js";
import { Transfer } from "./transfer.js";

/** What the uploads of one uploader share. */
export interface Shared {
  api: UploadApi;
  settings: Settings;
  files: Slots;
  /** The same for small files, which wait for no large one. */
  smallFiles: Slots;
  requests: Slots;
  line: Line;
  load: Load;
  /** For what is done outside of any upload. */
  attempts: () => Attempts;
}

// Answers that end a session through no fault of the file's.
const SESSION_LOST = new Set(["session_expired", "not_found"]);
// Answers that say: what the session has is of another version of the file.
const OTHER_BYTES = new Set([
  "chunk_conflict",
  "composite_mismatch",
  "hash_conflict",
  "hash_mismatch",
  "other_version",
  "size_conflict",
]);
const MOST_REPLACEMENTS = 2;

/** One file on its way. Awaiting it gives the {@link UploadResult} or throws an {@link UploadError}. */
export class Upload implements Promise<UploadResult> {
  declare readonly [Symbol.toStringTag]: string;
  readonly file: File;
  readonly #stream: ReadableStream<Uint8Array> | undefined;
  readonly #shared: Shared;
  readonly #options: UploadOptions;
  readonly #sessions: SessionOpener;
  readonly #attempts: Attempts;
  readonly #progress: Progress;
  readonly #promise: Promise<UploadResult>;
  #state: UploadState = "queued";
  /** The state while it is neither paused nor waiting. */
  #doing: UploadState = "starting";
  #uploadId: string | undefined;
  #transfer: Transfer | undefined;
  #fileHash: Promise<string> | undefined;
  #opening: Promise<SessionDocument> | undefined;
  readonly #fingerprint: string;

  /** @param stream instead of the file, which has only its name then */
  constructor(
    file: File,
    fingerprint: string,
    options: UploadOptions,
    shared: Shared,
    stream?: ReadableStream<Uint8Array>,
  ) {
    this.file = file;
    this.#fingerprint = fingerprint;
    this.#stream = stream;
    this.#options = options;
    this.#shared = shared;
    this.#sessions = new SessionOpener(shared, file, fingerprint, options);
    const turns = stream || file.size > ONE_CHUNK ? shared.files : shared.smallFiles;
    this.#attempts = new Attempts(shared.settings, turns, file.size, {
      onQueue: () => this.#setState("queued"),
      onGo: () => this.#setState(this.#doing),
      onWait: (error, retryIn) => {
        if (this.#attempts.paused) return;
        this.#setState("waiting", { error, ...(retryIn !== undefined && { retryIn }) });
        this.#progress.pause();
      },
    });
    this.#progress = new Progress(
      file.size,
      (percentage, sentBytes) => this.#tell("onProgress", percentage, { sentBytes, totalBytes: file.size }),
      (speed) => this.#tell("onSpeed", speed),
    );
    options.signal?.addEventListener("abort", this.#onSignal);
    this.#promise = this.#run();
    if (options.onError) this.#promise.catch(() => {});
  }

  get state(): UploadState {
    return this.#state;
  }

  /** The session on the server, once there is one. */
  get uploadId(): string | undefined {
    return this.#uploadId;
  }

  /** A {@link ChunkState} for each chunk, once the grid is known; changes as the upload proceeds. */
  get chunks(): Readonly<Uint8Array> | undefined {
    return this.#transfer?.chunks;
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  then<A = UploadResult, B = never>(
    onFulfilled?: ((result: UploadResult) => A | PromiseLike<A>) | null,
    onRejected?: ((error: UploadError) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#promise.then(onFulfilled, onRejected);
  }

  catch<B = never>(onRejected?: ((error: UploadError) => B | PromiseLike<B>) | null): Promise<UploadResult | B> {
    return this.#promise.catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<UploadResult> {
    return this.#promise.finally(onFinally);
  }

  /** Begin no chunk until `resume()`; those in flight land. */
  pause(): void {
    if (this.#ended || this.#attempts.paused) return;
    this.#attempts.pause();
    this.#setState("paused");
    this.#progress.pause();
  }

  /** Resume after `pause()`, or at once instead of waiting for the next attempt. */
  resume(): void {
    if (this.#ended) return;
    this.#attempts.resume();
    if (this.#state === "paused") this.#setState(this.#doing);
  }

  /**
   * End the upload here; the promise is rejected with `aborted`. What the server has stays, and the same file resumes
   * from there, unless `cancel` tells the server to forget it.
   *
   * @throws {UploadError} when the server cannot be told; it forgets the upload by itself then, in time
   */
  async abort({ cancel = false }: { cancel?: boolean } = {}): Promise<void> {
    const ending = this.#doing !== "uploading";
    // A session whose id is not heard could not be cancelled.
    if (cancel) await this.#opening?.catch(() => {});
    this.#attempts.abort();
    this.#transfer?.close();
    await this.#promise.catch(() => {});
    if (!cancel || !this.#uploadId || this.#state === "completed") return;
    const { cancelUpload } = await this.#shared.load.onDemand();
    await cancelUpload(this.#shared, this.#fingerprint, this.#uploadId, ending);
  }

  get #ended(): boolean {
    return this.#state === "completed" || this.#state === "failed" || this.#state === "aborted";
  }

  readonly #onSignal = () => void this.abort();

  async #run(): Promise<UploadResult> {
    try {
      // The caller has the upload in hand before the first event comes.
      await Promise.resolve();
      if (this.#options.signal?.aborted) throw new UploadError("aborted");
      if (!canDigest()) this.#shared.load.onDemand().then((onDemand) => onDemand.warnWithoutDigests(), console.warn);
      const [session, proof] = await (this.#stream ? this.#sendStream(this.#stream) : this.#untilVerified());
      await this.#sessions.forget(session.upload_id);
      const result = resultOf(session, proof, this.#shared.api.url);
      if (this.#stream) this.#tell("onProgress", 100, { sentBytes: result.size, totalBytes: result.size });
      this.#setState("completed");
      this.#tell("onComplete", result);
      return result;
    } catch (cause) {
      const error = cause instanceof UploadError ? cause : new UploadError("unexpected", { cause });
      this.#setState(error.code === "aborted" ? "aborted" : "failed", { error });
      this.#tell("onError", error);
      throw error;
    } finally {
      this.#options.signal?.removeEventListener("abort", this.#onSignal);
      this.#attempts.endTurn();
    }
  }

  /** A session that was lost, has bytes of another version of the file, or too large chunks, is replaced. */
  async #untilVerified(): Promise<[SessionDocument, Proof]> {
    for (let replaced = 0; ; replaced++) {
      const session = await this.#open();
      const transfer = this.#newTransfer(session);
      try {
        return [await transfer.run(), transfer.proof];
      } catch (error) {
        if (!(error instanceof UploadError)) throw error;
        const { code } = error;
        const otherBytes = OTHER_BYTES.has(code) && this.#sessions.mayHaveOtherBytes;
        const tooLarge = code === "proxy_limit" && transfer.mayBeSmaller;
        if (replaced === MOST_REPLACEMENTS || !(SESSION_LOST.has(code) || otherBytes || tooLarge)) throw error;
        this.#attempts.forgive();
        if (tooLarge) {
          replaced--;
          await this.#attempts.run((signal) => this.#shared.api.cancel(session.upload_id, signal));
        } else this.#tell("onRestart", error);
        if (otherBytes) this.#sessions.beginAnew();
        await this.#sessions.forget(session.upload_id);
      } finally {
        transfer.close();
      }
    }
  }

  async #open(): Promise<SessionDocument> {
    this.#do("starting");
    // A pause lets this finish: a session whose id was not heard would stay behind.
    const session = await this.#attempts.run(() => {
      this.#opening = this.#sessions.open(this.#attempts.signal);
      return this.#opening;
    });
    this.#opening = undefined;
    this.#know(session.upload_id);
    return session;
  }

  #know(uploadId: string): void {
    if (this.#uploadId === uploadId) return;
    this.#uploadId = uploadId;
    this.#tell("onSession", uploadId);
  }

  async #sendStream(stream: ReadableStream<Uint8Array>): Promise<[SessionDocument, Proof]> {
    const { sendStream } = await this.#shared.load.onDemand();
    const { api, requests, settings } = this.#shared;
    this.#do("starting");
    return sendStream({
      stream,
      filename: this.file.name,
      options: this.#options,
      api,
      attempts: this.#attempts,
      requests,
      parallel: settings.parallel,
      onSession: (uploadId) => this.#know(uploadId),
      onBytes: (sentBytes) => this.#tell("onProgress", 0, { sentBytes, totalBytes: 0 }),
      onUploading: () => this.#do("uploading"),
      onVerifying: () => this.#do("verifying"),
    });
  }

  #newTransfer(session: SessionDocument): Transfer {
    const { api, line, load, requests, settings } = this.#shared;
    this.#transfer = new Transfer({
      file: this.file,
      session,
      api,
      attempts: this.#attempts,
      requests,
      line,
      load,
      parallel: settings.parallel,
      fileHash: this.#options.fileHash ? () => this.#wholeHash() : undefined,
      onChunk: (index, state) => this.#tell("onChunk", { index, state }),
      onBytes: (bytes) => this.#progress.update(Math.min(bytes, this.file.size)),
      onUploading: () => this.#do("uploading"),
      onVerifying: () => this.#do("verifying"),
    });
    return this.#transfer;
  }

  /** The SHA-256 of the whole file, computed once. */
  #wholeHash(): Promise<string> {
    this.#fileHash ??= this.#shared.load.fileHash().then(({ sha256OfFile }) =>
      sha256OfFile(this.file, this.#attempts.signal).catch((cause) => {
        throw new UploadError("file_unreadable", { cause });
      }),
    );
    return this.#fileHash;
  }

  #do(state: UploadState): void {
    this.#doing = state;
    if (this.#attempts.going) this.#setState(state);
  }

  #setState(state: UploadState, details: StateDetails = {}): void {
    if (this.#state === state && !details.error) return;
    this.#state = state;
    this.#tell("onStateChange", state, details);
  }

  #tell<K extends keyof UploadEvents>(name: K, ...details: Parameters<NonNullable<UploadEvents[K]>>): void {
    const listener = this.#options[name] as ((...args: typeof details) => void) | undefined;
    try {
      listener?.(...details);
    } catch (error) {
      // As for a listener of an event: its fault is the page's, not the upload's.
      (globalThis.reportError ?? console.error)(error);
    }
  }
}
