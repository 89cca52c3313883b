import type { SessionDocument, UploadApi } from "./api.js";
import { ChunkTable } from "./chunk-table.js";
import { UploadError } from "./errors.js";
import { Gate } from "./gate.js";
import {
  resultOf,
  type Settings,
  type StateDetails,
  type UploadOptions,
  type UploadResult,
  type UploadState,
} from "./options.js";
import { Progress } from "./progress.js";
import { openReader, type SpawnWorker } from "./reading/open.js";
import type { Reader } from "./reading/reader.js";
import { Retrying, sleep } from "./retrying.js";
import { SessionOpener } from "./session.js";
import type { Slots } from "./slots.js";
import { Tabs } from "./tabs.js";

/** What the uploads of one uploader share. */
export interface Shared {
  api: UploadApi;
  settings: Settings;
  files: Slots;
  requests: Slots;
  spawn: SpawnWorker;
}

// Answers after which the server's view is asked for before the chunk is tried again.
const UNSURE = new Set(["chunk_superseded", "append_superseded", "staging_lost", "conflict", "not_active"]);
// Answers that end a session through no fault of the file's.
const SESSION_LOST = new Set(["session_expired", "not_found"]);
// Answers that say: what the session has is of another version of the file.
const OTHER_BYTES = new Set(["chunk_conflict", "hash_conflict", "hash_mismatch", "size_conflict"]);
const MOST_REPLACEMENTS = 2;

/** One file on its way. Awaiting it gives the {@link UploadResult} or throws an {@link UploadError}. */
export class Upload implements Promise<UploadResult> {
  readonly [Symbol.toStringTag] = "Upload";
  readonly file: File;
  readonly #shared: Shared;
  readonly #options: UploadOptions;
  readonly #promise: Promise<UploadResult>;
  readonly #sessions: SessionOpener;
  readonly #gate = new Gate();
  readonly #life = new AbortController();
  readonly #retrying: Retrying;
  readonly #progress: Progress;
  readonly #inFlight = new Map<number, number>();
  #state: UploadState = "queued";
  #active: UploadState = "starting";
  #uploadId: string | undefined;
  #table: ChunkTable | undefined;
  #reader: Reader | undefined;
  #tabs: Tabs | undefined;
  #releaseFile: (() => void) | undefined;
  #failure: UploadError | undefined;
  #refreshing: Promise<void> | undefined;
  #slot: Promise<void> | undefined;
  #sha256 = "";

  constructor(file: File, options: UploadOptions, shared: Shared) {
    this.file = file;
    this.#options = options;
    this.#shared = shared;
    this.#sessions = new SessionOpener(shared.api, shared.settings.storage, file, options);
    this.#retrying = new Retrying(shared.settings, (error, retryIn) => this.#wait(error, retryIn));
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

  /** A {@link ChunkState} for each chunk, once the grid is known; changes as the upload goes on. */
  get chunks(): Readonly<Uint8Array> | undefined {
    return this.#table?.states;
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

  /** Stop sending until `resume()`; chunks in flight are dropped. */
  pause(): void {
    if (this.#ended || this.#gate.closed) return;
    this.#gate.close();
    this.#releaseFile?.();
    this.#releaseFile = undefined;
    this.#setState("paused");
    this.#progress.pause();
  }

  /** Go on after `pause()`, or at once instead of waiting for the next attempt. */
  resume(): void {
    if (this.#ended) return;
    this.#gate.open();
    this.#retrying.wake();
  }

  /**
   * End the upload here; the promise is rejected with `aborted`. What the server has stays, and the same file goes on
   * from there, unless `cancel` tells the server to forget it.
   */
  async abort({ cancel = false }: { cancel?: boolean } = {}): Promise<void> {
    const uploadId = this.#uploadId;
    this.#life.abort();
    this.#gate.interrupt();
    this.#reader?.close();
    await this.#promise.catch(() => {});
    if (!cancel || !uploadId || this.#state === "completed") return;
    await this.#sessions.forget(uploadId);
    await this.#shared.api.cancel(uploadId, new AbortController().signal).catch((error: UploadError) => {
      // Over already, or it expires by itself.
      if (error.status === 0) throw error;
    });
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
      const session = await this.#untilProven();
      await this.#sessions.forget(session.upload_id);
      const result = resultOf(session, this.#shared.api.url);
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
      this.#releaseFile?.();
      this.#reader?.close();
      this.#tabs?.close();
    }
  }

  /** A session that was lost, has the bytes of another version of the file, or a twin, is replaced. */
  async #untilProven(): Promise<SessionDocument> {
    let anew = false;
    for (let replaced = 0; ; replaced++) {
      const opened = await this.#open(anew);
      try {
        return await this.#upload(opened.document);
      } catch (error) {
        const code = error instanceof UploadError ? error.code : "";
        const useless = SESSION_LOST.has(code) || (opened.resumed && OTHER_BYTES.has(code));
        if (replaced === MOST_REPLACEMENTS || !(useless || code === "twin_upload")) throw error;
        if (code === "twin_upload") await this.#attempt((signal) => this.#giveWayToTwin(signal));
        anew = useless;
        await this.#sessions.forget(opened.document.upload_id);
      } finally {
        this.#failure = undefined;
        this.#reader?.close();
        this.#tabs?.close();
      }
    }
  }

  async #open(anew: boolean) {
    this.#setActive("starting");
    // A pause lets this finish: a session whose id was not heard would stay behind.
    const opened = await this.#attempt(() => this.#sessions.open(anew, this.#life.signal));
    this.#uploadId = opened.document.upload_id;
    return opened;
  }

  async #upload(session: SessionDocument): Promise<SessionDocument> {
    const missing = session.status === "active" ? (session.progress.missing_chunks ?? []) : [];
    const table = new ChunkTable(this.file.size, session.chunk_size, missing, (index, state) =>
      this.#tell("onChunk", { index, state }),
    );
    this.#table = table;
    const reader = await openReader(
      { file: this.file, chunkSize: session.chunk_size, expected: missing },
      this.#shared.spawn,
    );
    this.#reader = reader;
    this.#throwIfOver();
    this.#tabs = new Tabs(session.upload_id, ({ index, stored }) => {
      if (stored) this.#storedElsewhere(table, index);
      else table.leave(index);
    });
    for (;;) {
      this.#setActive("uploading");
      this.#update();
      await this.#sendMissing(table, reader);
      this.#setActive("verifying");
      this.#sha256 = await reader.wholeHash();
      const answer = await this.#complete(session, this.#sha256);
      if (!Array.isArray(answer)) return answer;
      table.update(answer);
    }
  }

  /** Send what is missing over the uploader's connections. One final failure stops them all. */
  async #sendMissing(table: ChunkTable, reader: Reader): Promise<void> {
    const lane = async () => {
      for (let index = table.take(); index !== undefined; index = table.take()) {
        this.#tabs?.tell({ index, stored: false });
        await this.#sendChunk(table, reader, index);
      }
    };
    const lanes = Array.from({ length: this.#shared.settings.parallel }, () =>
      lane().catch((error) => {
        this.#failure ??= error;
        this.#gate.interrupt();
        this.#retrying.wake();
      }),
    );
    await Promise.all(lanes);
    if (this.#failure) throw this.#failure;
  }

  async #sendChunk(table: ChunkTable, reader: Reader, index: number): Promise<void> {
    const blob = this.file.slice(index * table.chunkSize, index * table.chunkSize + table.sizeOf(index));
    await this.#attempt(async (signal) => {
      const release = await this.#shared.requests.acquire(signal);
      try {
        if (table.isStored(index)) return;
        const digest = await reader.digest(index);
        const answer = await this.#shared.api.putChunk(this.#id, index, { blob, digest }, signal, (loaded) => {
          this.#inFlight.set(index, Math.min(loaded, table.sizeOf(index)));
          this.#update();
        });
        table.store(index);
        this.#tabs?.tell({ index, stored: true });
        this.#shared.requests.widen();
        this.#noticeOthers(table, answer.progress.received_chunks);
      } catch (error) {
        if (!(error instanceof UploadError)) throw error;
        if (error.code === "network_error" || error.code === "stalled") this.#shared.requests.narrow();
        if (error.code === "checksum_mismatch") table.resend(index);
        if (!UNSURE.has(error.code)) throw error;
        await this.#refresh(table);
        if (!table.isStored(index)) throw error;
      } finally {
        release();
        this.#inFlight.delete(index);
        this.#update();
      }
    });
  }

  /** The proven session, or the chunks that have to be sent (again). */
  #complete(session: SessionDocument, sha256: string): Promise<SessionDocument | number[]> {
    if (session.status === "completed") {
      if (session.file?.sha256 !== sha256) throw new UploadError("hash_conflict");
      return Promise.resolve(session);
    }
    return this.#attempt(async (signal) => {
      for (;;) {
        try {
          const answer = await this.#shared.api.complete(this.#id, sha256, signal);
          if (typeof answer !== "number") return answer;
          await sleep(answer * 1000, signal);
        } catch (error) {
          if (!(error instanceof UploadError)) throw error;
          if (error.code === "missing_chunks") return error.problem?.missing_chunks ?? [];
          throw error;
        }
      }
    });
  }

  /** Another open session of mine has the same file, whole or nearly: drop ours, and go on with that one. */
  async #giveWayToTwin(signal: AbortSignal): Promise<void> {
    const sessions = await this.#shared.api.list({ file_hash: this.#sha256 }, signal);
    const twin = sessions.find(
      ({ upload_id, status, total_size }) =>
        upload_id !== this.#uploadId && status !== "failed" && total_size === this.file.size,
    );
    if (!twin) throw new UploadError("conflict");
    await this.#shared.api.cancel(this.#id, signal);
    this.#sessions.wish(twin.upload_id);
  }

  /**
   * Do something on the network: not while paused, and again after what may pass.
   *
   * @throws {UploadError} what is final, or lasted longer than the retry delays
   */
  async #attempt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; ) {
      await this.#enter();
      const signal = AbortSignal.any([this.#gate.signal, this.#life.signal]);
      try {
        return await work(signal);
      } catch (error) {
        if (this.#life.signal.aborted) throw new UploadError("aborted");
        if (signal.aborted) continue;
        if (!(error instanceof UploadError)) throw error;
        if (await this.#retrying.before(error, attempt, this.#life.signal)) attempt++;
      }
    }
  }

  async #enter(): Promise<void> {
    do {
      await this.#gate.pass(this.#life.signal);
      this.#throwIfOver();
      if (!this.#releaseFile) await this.#takeFileSlot();
    } while (this.#gate.closed);
    this.#throwIfOver();
    if (this.#state !== this.#active) this.#setState(this.#active);
  }

  #throwIfOver(): void {
    if (this.#life.signal.aborted) throw new UploadError("aborted");
    if (this.#failure) throw this.#failure;
  }

  /** A paused upload gives its place among the files to another, and waits for one when it goes on. */
  #takeFileSlot(): Promise<void> {
    this.#setState("queued");
    this.#slot ??= this.#shared.files
      .acquire(this.#life.signal)
      .then((release) => {
        if (this.#gate.closed || this.#ended) release();
        else this.#releaseFile = release;
      })
      .finally(() => {
        this.#slot = undefined;
      });
    return this.#slot;
  }

  /** Chunks that we did not send arrive: another tab or device sends this file too. Ask what it has sent. */
  #noticeOthers(table: ChunkTable, received: number): void {
    if (received <= table.storedChunks + this.#shared.settings.parallel) return;
    table.scatter();
    void this.#refresh(table).catch(() => {});
  }

  #refresh(table: ChunkTable): Promise<void> {
    this.#refreshing ??= this.#askForMissing(table).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #askForMissing(table: ChunkTable): Promise<void> {
    const session = await this.#shared.api.status(this.#id, this.#life.signal);
    if (session.status === "cancelled") throw new UploadError("session_cancelled");
    if (session.status === "expired") throw new UploadError("session_expired");
    if (session.status === "failed") throw new UploadError(session.error?.code ?? "hash_mismatch");
    const lacking = new Set(session.status === "active" ? session.progress.missing_chunks : []);
    for (let index = 0; index < table.length; index++) {
      if (!lacking.has(index)) this.#storedElsewhere(table, index);
    }
  }

  #storedElsewhere(table: ChunkTable, index: number): void {
    if (table.isStored(index)) return;
    table.store(index);
    this.#reader?.skip(index);
    this.#update();
  }

  #wait(error: UploadError, retryIn: number | undefined): void {
    this.#setState("waiting", { error, ...(retryIn !== undefined && { retryIn }) });
    this.#progress.pause();
  }

  #update(): void {
    let bytes = this.#table?.storedBytes ?? 0;
    for (const [index, loaded] of this.#inFlight) if (!this.#table?.isStored(index)) bytes += loaded;
    this.#progress.update(Math.min(bytes, this.file.size));
  }

  #setActive(state: UploadState): void {
    this.#active = state;
    if (this.#releaseFile && !this.#gate.closed) this.#setState(state);
  }

  #setState(state: UploadState, details: StateDetails = {}): void {
    if (this.#state === state && !details.error) return;
    this.#state = state;
    this.#tell("onStateChange", state, details);
  }

  get #id(): string {
    if (this.#uploadId === undefined) throw new TypeError("There is no session yet.");
    return this.#uploadId;
  }

  #tell<K extends keyof UploadOptions>(
    name: K,
    ...details: Extract<UploadOptions[K], (...args: never[]) => void> extends (...args: infer A) => void ? A : never
  ): void {
    const listener = this.#options[name] as ((...args: typeof details) => void) | undefined;
    try {
      listener?.(...details);
    } catch (error) {
      // As for a listener of an event: its fault is the page's, not the upload's.
      reportError(error);
    }
  }
}
