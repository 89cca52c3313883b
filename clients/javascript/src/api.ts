import { toBase64 } from "./digests.js";
import { errorOf, UploadError } from "./errors.js";
import { type HttpAnswer, send, sendBlob } from "./http.js";
import type { Load } from "./load.js";
import { type Supplied, supply } from "./supplied.js";

/** A session as the server tells it; see the API reference. */
export interface SessionDocument {
  upload_id: string;
  status: "active" | "assembling" | "completed" | "cancelled" | "expired" | "failed";
  filename: string;
  mime_type: string;
  total_size: number | null;
  chunk_size: number;
  total_chunks: number | null;
  file_hash: string;
  metadata: Record<string, unknown>;
  created_at: string;
  expires_at: string;
  progress: SessionProgress;
  file: {
    name: string;
    size: number;
    mime_type: string;
    sha256: string | null;
    composite_hash: string | null;
    url: string;
  } | null;
  error: { code: string; detail: string } | null;
}

export interface SessionProgress {
  percentage: number;
  received_chunks: number;
  total_chunks: number | null;
  received_bytes: number;
  /** Absent in lists and in the answers to chunks. */
  missing_chunks?: number[];
  assembled_percentage?: number;
}

/** What the server has recorded of its chunks: a page of them. */
export interface ReceiptsPage {
  receipts: { index: number; size: number; sha256: string }[];
  /** Where the next page starts, if there is one. */
  receipts_next: number | null;
}

/** What is said of the whole file when it is complete. */
export interface Proof {
  composite_hash?: string | undefined;
  file_hash?: string | undefined;
  /** True from a page that can compute neither. */
  unverified?: true;
}

export interface InitFields {
  filename: string;
  total_size: number;
  client_key: string;
  mime_type: string | undefined;
  chunk_size: number | undefined;
  metadata: Record<string, unknown> | undefined;
  /** Bytes that something on the way takes in one request, if that was found out. */
  request_limit: number | undefined;
}

/** A file that goes in one request. */
export interface WholeFile {
  filename: string;
  mimeType: string | undefined;
  /** As tus's Upload-Metadata has it. */
  metadata: string;
  /** The same for every repetition. */
  key: string;
  blob: Blob;
  digest: Uint8Array | undefined;
}

export interface ApiOptions {
  apiUrl: string;
  authToken?: Supplied<string> | undefined;
  headers?: Supplied<Record<string, string>> | undefined;
  credentials: RequestCredentials;
  stallTimeout: number;
  load: Load;
}

export interface Call {
  signal: AbortSignal;
  json?: unknown;
  blob?: Blob;
  headers?: Record<string, string>;
  onProgress?: ((loaded: number) => void) | undefined;
}

/** The server's operations: one method, one request (two when a token was refreshed). */
export class UploadApi {
  readonly #options: ApiOptions;
  readonly #base: string;
  #token: Promise<string> | undefined;
  #warned = false;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#base = new URL(`${options.apiUrl.replace(/\/+$/, "")}/`, globalThis.location?.href).href;
  }

  /** The absolute address of the API. */
  get url(): string {
    return this.#base;
  }

  init(fields: InitFields, signal: AbortSignal): Promise<SessionDocument> {
    return this.#json("POST", "init", { json: fields, signal });
  }

  status(uploadId: string, signal: AbortSignal): Promise<SessionDocument> {
    return this.#json("GET", `status/${uploadId}`, { signal });
  }

  /** The receipts from a chunk on. */
  receipts(uploadId: string, from: number, signal: AbortSignal): Promise<ReceiptsPage> {
    return this.#json("GET", `status/${uploadId}?receipts_from=${from}`, { signal });
  }

  /** The session when it is verified and published; otherwise how many seconds to wait before asking again. */
  async complete(uploadId: string, proof: Proof, signal: AbortSignal): Promise<SessionDocument | number> {
    const answer = await this.call("POST", "complete", { json: { upload_id: uploadId, ...proof }, signal });
    if (answer.status === 202) return Number(answer.retryAfter ?? 1);
    return parse(answer);
  }

  cancel(uploadId: string, signal: AbortSignal): Promise<SessionDocument> {
    return this.#json("POST", "cancel", { json: { upload_id: uploadId }, signal });
  }

  /** Succeeds for an upload that is gone already too, so it may be repeated. */
  async remove(uploadId: string, signal: AbortSignal): Promise<void> {
    await this.call("DELETE", uploadId, { signal });
  }

  /** The newest of my sessions, at most 200. */
  async list(filters: Record<string, string>, signal: AbortSignal): Promise<SessionDocument[]> {
    const query = new URLSearchParams({ page_size: "200", ...filters });
    const page = await this.#json<{ results: SessionDocument[] }>("GET", `?${query}`, { signal });
    return page.results;
  }

  /** Send one chunk as it is, with its SHA-256 as RFC 9530 has it, where there is one. */
  putChunk(
    uploadId: string,
    index: number,
    { blob, digest }: { blob: Blob; digest: Uint8Array | undefined },
    signal: AbortSignal,
    onProgress: (loaded: number) => void,
  ): Promise<{ progress: SessionProgress }> {
    return this.#json("PUT", `chunk/${uploadId}/${index}`, {
      blob,
      headers: {
        "Content-Type": "application/octet-stream",
        ...(digest && { "Content-Digest": `sha-256=:${toBase64(digest)}:` }),
      },
      signal,
      onProgress,
    });
  }

  /** Send a whole file with its creation, as the IETF draft has it. */
  createWhole(
    { filename, mimeType, metadata, key, blob, digest }: WholeFile,
    signal: AbortSignal,
  ): Promise<SessionDocument> {
    return this.#json("POST", "files/", {
      blob,
      headers: {
        "Content-Type": mimeType ?? "application/octet-stream",
        "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(filename)}`,
        "Idempotency-Key": `"${key}"`,
        "Upload-Complete": "?1",
        ...(metadata && { "Upload-Metadata": metadata }),
        ...(digest && { "Repr-Digest": `sha-256=:${toBase64(digest)}:` }),
      },
      signal,
    });
  }

  async #json<T>(method: string, path: string, call: Call): Promise<T> {
    return parse(await this.call(method, path, call));
  }

  /** Any request of the API. */
  async call(method: string, path: string, call: Call): Promise<HttpAnswer> {
    const used = this.#authorization();
    let answer = await this.#send(method, path, call, await used);
    if (answer.status === 401 && typeof this.#options.authToken === "function") {
      // Whoever notices first asks for a fresh token; the other requests in flight use the same one.
      if (this.#token === used) this.#token = undefined;
      answer = await this.#send(method, path, call, await this.#authorization());
    }
    if (answer.status < 200 || answer.status > 299) throw errorOf(answer.status, answer.text, answer.retryAfter);
    return answer;
  }

  async #send(method: string, path: string, call: Call, token: string): Promise<HttpAnswer> {
    const { headers, credentials, stallTimeout } = this.#options;
    if (token !== "" && !this.#warned) this.#warn();
    const request = {
      method,
      url: this.#base + path,
      headers: {
        Accept: "application/json",
        ...(call.json !== undefined && { "Content-Type": "application/json" }),
        ...(token !== "" && { Authorization: `Bearer ${token}` }),
        ...(await supply(headers)),
        ...call.headers,
      },
      withCredentials: credentials === "include",
      stallTimeout,
      signal: call.signal,
    };
    const { blob, onProgress, json } = call;
    if (blob && onProgress) return sendBlob({ ...request, body: blob, onProgress });
    return send({ ...request, body: json === undefined ? blob : JSON.stringify(json) });
  }

  /** Of a token that others can read on its way. */
  #warn(): void {
    this.#warned = true;
    if (!this.#base.startsWith("http:")) return;
    const warning = this.#options.load.onDemand().then((onDemand) => onDemand.warnWhereTokensCanBeRead(this.#base));
    warning.catch(() => {});
  }

  #authorization(): Promise<string> {
    this.#token ??= Promise.resolve(supply(this.#options.authToken)).then((token) => token ?? "");
    const token = this.#token;
    // A refresh that failed is asked for again with the next request.
    token.catch(() => {
      if (this.#token === token) this.#token = undefined;
    });
    return token;
  }
}

function parse<T>(answer: HttpAnswer): T {
  try {
    return JSON.parse(answer.text);
  } catch (cause) {
    throw new UploadError("not_an_upload_server", { status: answer.status, cause });
  }
}
