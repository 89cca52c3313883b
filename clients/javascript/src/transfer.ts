import type { SessionDocument, UploadApi } from "./api.js";
import type { Attempts } from "./attempts.js";
import { type ChunkState, ChunkTable } from "./chunk-table.js";
import { UploadError } from "./errors.js";
import type { Reader } from "./reading/reader.js";
import { sleep } from "./retrying.js";
import type { Slots } from "./slots.js";
import { Tabs } from "./tabs.js";

// Answers after which the server's view is asked for before the chunk is tried again.
const UNSURE = new Set(["chunk_superseded", "append_superseded", "staging_lost", "conflict", "not_active"]);

/** What a transfer works with, and whom it tells. */
export interface TransferParts {
  file: File;
  session: SessionDocument;
  api: UploadApi;
  attempts: Attempts;
  /** The uploader's connections. */
  requests: Slots;
  parallel: number;
  openReader: (expected: number[]) => Promise<Reader>;
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
  readonly #missing: number[];
  readonly #tabs: Tabs;
  readonly #inFlight = new Map<number, number>();
  #reader: Reader | undefined;
  #refreshing: Promise<void> | undefined;
  #sha256 = "";

  constructor(parts: TransferParts) {
    const { file, session, onChunk } = parts;
    this.#parts = parts;
    this.#missing = session.status === "active" ? (session.progress.missing_chunks ?? []) : [];
    this.#table = new ChunkTable(file.size, session.chunk_size, this.#missing, onChunk);
    this.#tabs = new Tabs(session.upload_id, ({ index, stored }) => {
      if (stored) this.#storedElsewhere(index);
      else this.#table.leave(index);
    });
  }

  /** A {@link ChunkState} for each chunk. */
  get chunks(): Readonly<Uint8Array> {
    return this.#table.states;
  }

  /** The SHA-256 of the file here in hex, once `run()` came to its proof. */
  get sha256(): string {
    return this.#sha256;
  }

  /**
   * Send, verify, repair, until it is verified.
   *
   * @throws {UploadError}
   */
  async run(): Promise<SessionDocument> {
    const reader = await this.#parts.openReader(this.#missing);
    this.#reader = reader;
    this.#parts.attempts.throwIfOver();
    for (;;) {
      this.#parts.onUploading();
      this.#update();
      await this.#sendMissing(reader);
      this.#parts.onVerifying();
      this.#sha256 = await reader.wholeHash();
      const answer = await this.#complete();
      if (!Array.isArray(answer)) return answer;
      this.#table.update(answer);
    }
  }

  close(): void {
    this.#reader?.close();
    this.#tabs.close();
  }

  /** Send what is missing over the uploader's connections. One final failure stops them all. */
  async #sendMissing(reader: Reader): Promise<void> {
    const { attempts, parallel } = this.#parts;
    const lane = async () => {
      for (let index = this.#table.take(); index !== undefined; index = this.#table.take()) {
        this.#tabs.tell({ index, stored: false });
        await this.#sendChunk(reader, index);
      }
    };
    const lanes = Array.from({ length: parallel }, () => lane().catch((error) => attempts.fail(error)));
    await Promise.all(lanes);
    attempts.throwIfOver();
  }

  #sendChunk(reader: Reader, index: number): Promise<void> {
    const { api, attempts, file, requests, session } = this.#parts;
    const start = index * this.#table.chunkSize;
    const blob = file.slice(start, start + this.#table.sizeOf(index));
    return attempts.run(async (signal) => {
      const release = await requests.acquire(signal);
      try {
        if (this.#table.isStored(index)) return;
        const chunk = { blob, digest: await reader.digest(index) };
        const { progress } = await api.putChunk(session.upload_id, index, chunk, signal, (loaded) => {
          this.#inFlight.set(index, Math.min(loaded, blob.size));
          this.#update();
        });
        requests.widen();
        this.#table.store(index);
        this.#tabs.tell({ index, stored: true });
        this.#noticeOthers(progress.received_chunks);
      } catch (error) {
        await this.#recover(index, error);
      } finally {
        release();
        this.#inFlight.delete(index);
        this.#update();
      }
    });
  }

  /** After a chunk's request failed: returns if the server has it all the same. */
  async #recover(index: number, error: unknown): Promise<void> {
    if (!(error instanceof UploadError)) throw error;
    if (error.code === "network_error" || error.code === "stalled") this.#parts.requests.narrow();
    if (error.code === "checksum_mismatch") this.#table.resend(index);
    if (!UNSURE.has(error.code)) throw error;
    await this.#refresh();
    if (!this.#table.isStored(index)) throw error;
  }

  /** The verified session, or the chunks that have to be sent (again). */
  async #complete(): Promise<SessionDocument | number[]> {
    const { api, attempts, session } = this.#parts;
    if (session.status === "completed") {
      if (session.file?.sha256 !== this.#sha256) throw new UploadError("hash_conflict");
      return session;
    }
    return attempts.run(async (signal) => {
      for (;;) {
        const answer = await api.complete(session.upload_id, this.#sha256, signal).catch(missingChunks);
        if (typeof answer !== "number") return answer;
        await sleep(answer * 1000, signal);
      }
    });
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
    this.#reader?.skip(index);
    this.#update();
  }

  #update(): void {
    let bytes = this.#table.storedBytes;
    for (const [index, loaded] of this.#inFlight) if (!this.#table.isStored(index)) bytes += loaded;
    this.#parts.onBytes(bytes);
  }
}

function missingChunks(error: unknown): number[] {
  if (error instanceof UploadError && error.code === "missing_chunks") return error.problem?.missing_chunks ?? [];
  throw error;
}
