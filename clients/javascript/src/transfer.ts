import type { Proof, SessionDocument, UploadApi } from "./api.js";
import type { Attempts } from "./attempts.js";
import { ChunkReader } from "./chunk-reader.js";
import { type ChunkState, ChunkTable } from "./chunk-table.js";
import { ChunkDigests, canDigest } from "./digests.js";
import { UploadError } from "./errors.js";
import type { Line } from "./line.js";
import type { Load } from "./load.js";
import { sleep } from "./retrying.js";
import type { Slots } from "./slots.js";
import { Tabs } from "./tabs.js";

// A chunk whose connection broke so often, while the server answers, is cut off by something on the way.
const BROKEN_OFTEN = 3;
// Answers after which the server's view is asked for before the chunk is tried again.
const UNSURE = new Set(["chunk_superseded", "append_superseded", "staging_lost", "conflict", "not_active"]);

/** What a transfer works with, and whom it tells. */
export interface TransferParts {
  file: File;
  session: SessionDocument;
  api: UploadApi;
  attempts: Attempts;
  line: Line;
  load: Load;
  /** The uploader's connections. */
  requests: Slots;
  parallel: number;
  /** The SHA-256 of the whole file, for those who want it; asked for once. */
  fileHash: (() => Promise<string>) | undefined;
  onChunk: (index: number, state: ChunkState) => void;
  /** Bytes acknowledged and in flight; may fall when a chunk has to be sent again. */
  onBytes: (bytes: number) => void;
  /** Everything is sent; what follows is proof. */
  onVerifying: () => void;
  onUploading: () => void;
}

/** One file into one session: sends what is missing, and has the whole verified. */
export class Transfer {
  readonly #parts: TransferParts;
  readonly #table: ChunkTable;
  readonly #tabs: Tabs;
  readonly #reader: ChunkReader;
  readonly #digests: ChunkDigests;
  readonly #inFlight = new Map<number, number>();
  readonly #broken = new Map<number, number>();
  #refreshing: Promise<void> | undefined;
  #proof: Proof = {};
  #closed = false;

  constructor(parts: TransferParts) {
    const { file, session, onChunk } = parts;
    this.#parts = parts;
    const missing = session.status === "active" ? (session.progress.missing_chunks ?? []) : [];
    this.#table = new ChunkTable(file.size, session.chunk_size, missing, onChunk);
    this.#reader = new ChunkReader(file, session.chunk_size);
    this.#digests = new ChunkDigests(this.#table.length);
    this.#tabs = new Tabs(session.upload_id, (news) => {
      if (news < 0) this.#table.leave(~news);
      else this.#storedElsewhere(news);
    });
  }

  /** A {@link ChunkState} for each chunk. */
  get chunks(): Readonly<Uint8Array> {
    return this.#table.states;
  }

  /** What was said of the whole file, once `run()` came to that. */
  get proof(): Proof {
    return this.#proof;
  }

  /** Whether nothing is stored yet, and smaller chunks would get through where these do not. */
  get mayBeSmaller(): boolean {
    const { line, session } = this.#parts;
    return this.#table.storedChunks === 0 && session.chunk_size > (line.limit ?? session.chunk_size);
  }

  /**
   * Send, verify, repair, until it is verified.
   *
   * @throws {UploadError}
   */
  async run(): Promise<SessionDocument> {
    const { attempts, fileHash } = this.#parts;
    attempts.throwIfOver();
    let compared: Promise<void> | undefined;
    await new Promise<void>((trust) => {
      compared = this.#compareStored(trust).finally(trust);
    });
    // Whoever awaits it hears of its failure.
    const hashed = fileHash?.();
    hashed?.catch((error) => attempts.fail(error));
    for (;;) {
      attempts.throwIfOver();
      this.#parts.onUploading();
      this.#update();
      await this.#sendMissing().catch((error) => this.#sendInPieces(error));
      await compared;
      attempts.throwIfOver();
      this.#parts.onVerifying();
      this.#proof = await this.#prove(await hashed);
      const answer = await this.#complete();
      if (!Array.isArray(answer)) return answer;
      this.#table.update(answer);
    }
  }

  close(): void {
    this.#closed = true;
    this.#reader.close();
    this.#tabs.close();
  }

  /** What the session had at first is of the file here, or the upload fails. */
  async #compareStored(trust: () => void): Promise<void> {
    const { file, session, attempts, load } = this.#parts;
    if (session.status !== "active" || session.progress.received_chunks === 0 || !canDigest()) return;
    const reader = new ChunkReader(file, session.chunk_size);
    // Where the script is missing, the proof has the last word.
    const onDemand = await load.onDemand().catch(() => undefined);
    try {
      const same = await onDemand?.isSame(this.#parts, reader, this.#digests, trust);
      if (same === false) throw new UploadError("other_version");
    } catch (error) {
      // Of an earlier session that was given up meanwhile, it says nothing about the next one.
      if (!this.#closed) attempts.fail(error as UploadError);
    } finally {
      reader.close();
    }
  }

  /** Go on in smaller requests, if the session has something; without, it is better begun anew. */
  async #sendInPieces(error: UploadError): Promise<void> {
    const { attempts, line, load, session } = this.#parts;
    if (error.code !== "proxy_limit" || !line.noteLimit(session.chunk_size) || !this.#table.storedChunks) throw error;
    attempts.forgive();
    const { appendInPieces } = await load.onDemand();
    await appendInPieces(this.#parts, (index) => this.#storedElsewhere(index));
  }

  async #prove(fileHash: string | undefined): Promise<Proof> {
    for (let index = 0; index < this.#table.length; index++) {
      this.#parts.attempts.throwIfOver();
      // Sent by another tab or device.
      if (!this.#digests.has(index)) this.#digests.note(index, await this.#reader.digest(index));
    }
    const composite = await this.#digests.composite();
    if (composite === undefined && fileHash === undefined) return { unverified: true };
    return { composite_hash: composite, file_hash: fileHash };
  }

  /** Send what is missing over the uploader's connections. One final failure stops them all. */
  async #sendMissing(): Promise<void> {
    const { attempts, parallel } = this.#parts;
    const lane = async () => {
      while (this.#table.hasMissing) await attempts.run((signal) => this.#sendNext(signal));
    };
    const lanes = Array.from({ length: parallel }, () => lane().catch((error) => attempts.fail(error)));
    await Promise.all(lanes);
    attempts.throwIfOver();
  }

  /** Send the next chunk, when a connection is free for it. What fails is missing again. */
  async #sendNext(signal: AbortSignal): Promise<void> {
    const { attempts, requests, file } = this.#parts;
    const release = await requests.acquire(signal, file.size);
    const index = attempts.paused ? undefined : this.#table.take();
    try {
      if (index !== undefined) await this.#sendChunk(index, signal);
    } catch (error) {
      if (index !== undefined) await this.#recover(index, error);
    } finally {
      release();
      if (index !== undefined) this.#inFlight.delete(index);
      this.#update();
    }
  }

  async #sendChunk(index: number, signal: AbortSignal): Promise<void> {
    const { api, file, line, requests, session } = this.#parts;
    this.#tabs.tell(~index);
    const digest = await this.#reader.digest(index);
    if (!this.#digests.note(index, digest)) throw new UploadError("file_changed");
    const start = index * this.#table.chunkSize;
    // Not the bytes that were read: a slice costs the page no memory, and cannot be read once the file has changed.
    const blob = file.slice(start, start + this.#table.sizeOf(index));
    const landed = line.begin();
    let bytes = 0;
    try {
      const { progress } = await api.putChunk(session.upload_id, index, { blob, digest }, signal, (loaded) => {
        this.#inFlight.set(index, Math.min(loaded, blob.size));
        this.#update();
      });
      bytes = blob.size;
      this.#table.store(index);
      this.#tabs.tell(index);
      this.#noticeOthers(progress.received_chunks);
    } finally {
      landed(bytes);
    }
    requests.widen(line.inFlight(session.chunk_size));
  }

  /** After a chunk's request failed: returns if the server has it all the same. */
  async #recover(index: number, error: unknown): Promise<void> {
    const code = error instanceof UploadError ? error.code : "";
    if (code === "checksum_mismatch") this.#table.resend(index);
    else if (!this.#table.isStored(index)) this.#table.giveBack(index);
    if (code === "network_error" || code === "stalled") {
      this.#parts.requests.narrow();
      await this.#suspectLimit(index);
    }
    if (!UNSURE.has(code)) throw error;
    await this.#refresh();
    if (!this.#table.isStored(index)) throw error;
  }

  /** @throws {UploadError} `proxy_limit`, if a chunk of this size does not get through */
  async #suspectLimit(index: number): Promise<void> {
    const { api, attempts, session } = this.#parts;
    const answers = await api.status(session.upload_id, attempts.signal).catch(() => undefined);
    if (!answers) return;
    const times = (this.#broken.get(index) ?? 0) + 1;
    this.#broken.set(index, times);
    if (times >= BROKEN_OFTEN) throw new UploadError("proxy_limit");
  }

  /** The verified session, or the chunks that have to be sent (again). */
  async #complete(): Promise<SessionDocument | number[]> {
    const { api, attempts, session } = this.#parts;
    if (session.status === "completed") {
      if (!isOf(session, this.#proof)) throw new UploadError("other_version");
      return session;
    }
    for (;;) {
      const answer = await attempts.run((signal) =>
        api.complete(session.upload_id, this.#proof, signal).catch(missingChunks),
      );
      if (typeof answer !== "number") return answer;
      await sleep(answer * 1000, attempts.signal);
    }
  }

  /** Chunks that we did not send arrive: another device sends this file too. Ask what it has sent. */
  #noticeOthers(received: number): void {
    if (received <= this.#table.storedChunks + this.#parts.parallel) return;
    this.#table.scatter();
    // It was only a chance to send less.
    this.#refresh().catch(() => {});
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#askForMissing().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #askForMissing(): Promise<void> {
    const { api, attempts, session } = this.#parts;
    const { status, progress, error } = await api.status(session.upload_id, attempts.signal);
    if (status === "cancelled") throw new UploadError("session_cancelled");
    if (status === "expired") throw new UploadError("session_expired");
    if (status === "failed") throw new UploadError(error?.code ?? "hash_mismatch");
    const lacking = new Set(status === "active" ? progress.missing_chunks : []);
    for (let index = 0; index < this.#table.length; index++) if (!lacking.has(index)) this.#storedElsewhere(index);
  }

  #storedElsewhere(index: number): void {
    if (this.#table.isStored(index)) return;
    this.#table.store(index);
    this.#update();
  }

  #update(): void {
    let bytes = this.#table.storedBytes;
    for (const [index, loaded] of this.#inFlight) if (!this.#table.isStored(index)) bytes += loaded;
    this.#parts.onBytes(bytes);
  }
}

/** Whether a completed session is of the file that a proof is of. */
function isOf({ file }: SessionDocument, { composite_hash, file_hash }: Proof): boolean {
  return (
    (composite_hash === undefined || file?.composite_hash === composite_hash) &&
    (file_hash === undefined || file?.sha256 === file_hash)
  );
}

function missingChunks(error: unknown): number[] {
  if (error instanceof UploadError && error.code === "missing_chunks") return error.problem?.missing_chunks ?? [];
  throw error;
}
