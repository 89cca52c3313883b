import type { SessionDocument, UploadApi } from "./api.js";
import { UploadError } from "./errors.js";
import { freshKey } from "./fingerprint.js";
import type { Line } from "./line.js";
import type { Load, OnDemand } from "./load.js";
import { goesInOneRequest } from "./one-request.js";
import type { UploadOptions } from "./options.js";
import type { Slots } from "./slots.js";
import { findRemembered, type UploadStorage } from "./storage.js";
import { exclusively } from "./tabs.js";
import type { Shared } from "./upload.js";

/** The states of sessions that can be resumed, or are done. */
const ALIVE: readonly SessionDocument["status"][] = ["active", "assembling", "completed"];

/** Asks for a session of one file: the one that is remembered or wished for, the one under its key, or a new one. */
export class SessionOpener {
  readonly #api: UploadApi;
  readonly #storage: UploadStorage;
  readonly #line: Line;
  readonly #load: Load;
  readonly #requests: Slots;
  readonly #wholeKey = freshKey();
  readonly #file: File;
  readonly #options: UploadOptions;
  readonly #fingerprint: string;
  #wished: string | undefined;
  #anew: boolean;
  /** Once a session of its own is wanted, whatever is open under the file's key. */
  #ownKey: string | undefined;

  /** @param fingerprint see {@link fingerprintOf}; no other upload under way here has it */
  constructor(
    { api, settings, line, load, requests }: Shared,
    file: File,
    fingerprint: string,
    options: UploadOptions,
  ) {
    this.#api = api;
    this.#storage = settings.storage;
    this.#line = line;
    this.#load = load;
    this.#requests = requests;
    this.#file = file;
    this.#options = options;
    this.#fingerprint = fingerprint;
    this.#wished = options.uploadId;
    this.#anew = options.resume === false;
    if (this.#anew) this.#ownKey = freshKey();
  }

  /**
   * Whether what the session has may be of another file: of an earlier version of this one, or of one with the same
   * name, size and time on another device, which has the same key.
   */
  get mayHaveOtherBytes(): boolean {
    return !this.#anew || this.#wished !== undefined;
  }

  open(signal: AbortSignal): Promise<SessionDocument> {
    // Two tabs that are given the same file share one session instead of opening two.
    return exclusively(this.#fingerprint, signal, async () => {
      const session = (await this.#earlier(signal)) ?? (await this.#begin(signal));
      await this.#remember(session);
      return session;
    });
  }

  /**
   * Resume nothing from now on. The earlier session is left as it is, for it may be another device's; this file no
   * longer asks for it by its key.
   */
  beginAnew(): void {
    this.#wished = undefined;
    this.#anew = true;
    this.#ownKey = freshKey();
  }

  /** The session has ended, or is of no use. */
  async forget(uploadId: string): Promise<void> {
    await this.#keep((onDemand) => onDemand.dropHandle(uploadId));
    await this.#storage.remove(uploadId);
  }

  /** Where the browser keeps none, the file is chosen again. */
  async #keep(work: (onDemand: OnDemand, handle: FileSystemFileHandle) => Promise<void>): Promise<void> {
    const { handle } = this.#options;
    if (handle)
      await this.#load
        .onDemand()
        .then((onDemand) => work(onDemand, handle))
        .catch(() => {});
  }

  async #earlier(signal: AbortSignal): Promise<SessionDocument | undefined> {
    if (this.#wished) return this.#usable(this.#wished, signal);
    if (this.#anew) return undefined;
    for (const { uploadId } of await findRemembered(this.#storage, this.#fingerprint)) {
      const session = await this.#usable(uploadId, signal);
      if (session) return session;
      await this.forget(uploadId);
    }
    return undefined;
  }

  async #usable(uploadId: string, signal: AbortSignal): Promise<SessionDocument | undefined> {
    try {
      const session = await this.#api.status(uploadId, signal);
      return ALIVE.includes(session.status) && session.total_size === this.#file.size ? session : undefined;
    } catch (error) {
      if (error instanceof UploadError && (error.status === 404 || error.status === 410)) return undefined;
      throw error;
    }
  }

  async #begin(signal: AbortSignal): Promise<SessionDocument> {
    const { size } = this.#file;
    if (goesInOneRequest(this.#file, this.#options) && size <= (this.#line.limit ?? size)) {
      const session = await this.#sendWhole(signal);
      if (session) return session;
    }
    try {
      return await this.#init(signal);
    } catch (error) {
      if (!(error instanceof UploadError) || error.code !== "client_key_conflict") throw error;
      this.#ownKey = freshKey();
      return this.#init(signal);
    }
  }

  /** Undefined: something on the way does not take it, or not even the script for it. */
  async #sendWhole(signal: AbortSignal): Promise<SessionDocument | undefined> {
    const onDemand = await this.#load.onDemand().catch(() => {});
    if (!onDemand) return undefined;
    const release = await this.#requests.acquire(signal, this.#file.size);
    const landed = this.#line.begin();
    let bytes = 0;
    try {
      const session = await onDemand.sendWhole(this.#api, this.#file, this.#options, this.#wholeKey, signal);
      bytes = this.#file.size;
      return session;
    } catch (error) {
      if (error instanceof DOMException) throw new UploadError("file_unreadable", { cause: error });
      if ((error as UploadError).code !== "proxy_limit") throw error;
      this.#line.noteLimit(this.#file.size);
      return undefined;
    } finally {
      landed(bytes);
      release();
    }
  }

  /** May be repeated: while a session with this key is open, the server answers it. */
  #init(signal: AbortSignal): Promise<SessionDocument> {
    const { filename, mimeType, metadata, purpose } = this.#options;
    const { limit } = this.#line;
    const wish = this.#options.chunkSize ?? this.#line.chunkSizeFor(this.#file.size);
    const chunkSize = wish && Math.min(wish, limit ?? wish);
    return this.#api.init(
      {
        filename: filename ?? this.#file.name,
        total_size: this.#file.size,
        client_key: this.#ownKey ?? this.#fingerprint,
        // Not the browser's own type: it depends on what is installed, and the server decides by suffix and content.
        mime_type: mimeType,
        chunk_size: chunkSize,
        request_limit: limit,
        metadata,
        purpose,
      },
      signal,
    );
  }

  async #remember(session: SessionDocument): Promise<void> {
    await this.#keep((onDemand, handle) => onDemand.keepHandle(session.upload_id, handle));
    await this.#storage.put({
      uploadId: session.upload_id,
      fingerprint: this.#fingerprint,
      filename: session.filename,
      size: this.#file.size,
      startedAt: Date.parse(session.created_at),
    });
  }
}
