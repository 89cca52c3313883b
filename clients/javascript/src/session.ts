import type { SessionDocument, UploadApi } from "./api.js";
import { preferredChunkSize } from "./chunk-size.js";
import { UploadError } from "./errors.js";
import { fingerprintOf } from "./fingerprint.js";
import type { UploadOptions } from "./options.js";
import { findRemembered, type UploadStorage } from "./storage.js";
import { exclusively } from "./tabs.js";

/** The states of sessions that can be resumed, or are done. */
export const ALIVE: readonly SessionDocument["status"][] = ["active", "assembling", "completed"];

export interface OpenedSession {
  document: SessionDocument;
  /** Whether it was there before; then its bytes may be of another version of the file. */
  resumed: boolean;
}

/** Asks for a session of one file: the one that is remembered or wished for, or a new one. */
export class SessionOpener {
  readonly #api: UploadApi;
  readonly #storage: UploadStorage;
  readonly #file: File;
  readonly #options: UploadOptions;
  readonly #fingerprint: string;
  #wished: string | undefined;

  constructor(api: UploadApi, storage: UploadStorage, file: File, options: UploadOptions) {
    this.#api = api;
    this.#storage = storage;
    this.#file = file;
    this.#options = options;
    this.#fingerprint = fingerprintOf(file, api.url);
    this.#wished = options.uploadId;
  }

  /** @param anew do not resume an earlier session */
  open(anew: boolean, signal: AbortSignal): Promise<OpenedSession> {
    // Two tabs that are given the same file share one session instead of opening two.
    return exclusively(this.#fingerprint, signal, async () => {
      const earlier = anew ? undefined : await this.#earlier(signal);
      if (earlier) {
        await this.#remember(earlier);
        return { document: earlier, resumed: true };
      }
      const document = await this.#begin(signal);
      await this.#remember(document);
      return { document, resumed: false };
    });
  }

  /** Resume this session when opening the next time. */
  wish(uploadId: string): void {
    this.#wished = uploadId;
  }

  /** The session has ended, or is of no use. */
  async forget(uploadId: string): Promise<void> {
    await this.#storage.remove(uploadId);
  }

  async #earlier(signal: AbortSignal): Promise<SessionDocument | undefined> {
    if (this.#wished) return this.#usable(this.#wished, signal);
    if (this.#options.resume === false) return undefined;
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

  #begin(signal: AbortSignal): Promise<SessionDocument> {
    const { filename, mimeType, metadata } = this.#options;
    const chunkSize = this.#options.chunkSize ?? preferredChunkSize(this.#file.size);
    return this.#api.init(
      {
        filename: filename ?? this.#file.name,
        total_size: this.#file.size,
        // Not the browser's own type: it depends on what is installed, and the server judges by suffix and content.
        ...(mimeType !== undefined && { mime_type: mimeType }),
        ...(chunkSize !== undefined && { chunk_size: chunkSize }),
        ...(metadata !== undefined && { metadata }),
      },
      signal,
    );
  }

  #remember(session: SessionDocument): Promise<void> {
    return this.#storage.put({
      uploadId: session.upload_id,
      fingerprint: this.#fingerprint,
      filename: session.filename,
      size: this.#file.size,
      startedAt: Date.parse(session.created_at),
    });
  }
}
