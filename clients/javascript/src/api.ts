import { toBase64 } from "./digests.js";
import { errorOf, UploadError } from "./errors.js";
import { type HttpAnswer, type OutgoingRequest, send, sendBlob } from "./http.js";
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
    completed_at: string | null;
    /** Of a file for a form field that nobody has claimed yet. */
    reference?: string | null;
  } | null;
  error: { code: string; detail: string } | null;
}

export interface SessionProgress {
  percentage: number;
  received_chunks: number;
  total_chunks: number | null;
  received_bytes: number;
  /** Absent in the answers to chunks. */
  damaged_chunks?: number;
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
  total_size: number | undefined;
  client_key: string;
  mime_type: string | undefined;
  chunk_size: number | undefined;
  metadata: Record<string, unknown> | undefined;
  purpose: string | undefined;
  /** Bytes that something on the way takes in one request, if that was found out. */
  request_limit: number | undefined;
}

export interface ApiOptions {
  apiUrl: string;
  authToken?: Supplied<string> | undefined;
  headers?: Supplied<Record<string, string>, UploadError | undefined> | undefined;
  credentials: RequestCredentials;
  stallTimeout: number;
  byXhr: boolean;
  onBeforeRequest?: ((request: OutgoingRequest) => void | Promise<void>) | undefined;
  onAfterResponse?: ((request: OutgoingRequest, response: HttpAnswer) => void | Promise<void>) | undefined;
  load: Load;
}

export interface Call {
  signal: AbortSignal;
  json?: unknown;
  blob?: Blob;
  headers?: Record<string, string>;
  onProgress?: ((loaded: number) => void) | undefined;
  keepalive?: boolean;
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
    return this.json("POST", "init", { json: fields, signal });
  }

  status(uploadId: string, signal: AbortSignal): Promise<SessionDocument> {
    return this.json("GET", `status/${uploadId}`, { signal });
  }

  /** The session when it is verified and published; otherwise how many seconds to wait before asking again. */
  async complete(
    uploadId: string,
    proof: Proof & { total_size?: number },
    signal: AbortSignal,
  ): Promise<SessionDocument | number> {
    const answer = await this.call("POST", "complete", { json: { upload_id: uploadId, ...proof }, signal });
    if (answer.status === 202) return Number(answer.header("Retry-After") ?? 1);
    return parse(answer);
  }

  cancel(uploadId: string, signal: AbortSignal): Promise<SessionDocument> {
    return this.json("POST", "cancel", { json: { upload_id: uploadId }, signal, keepalive: true });
  }

  /** Send one chunk as it is, with its SHA-256 as RFC 9530 has it, where there is one. */
  putChunk(
    uploadId: string,
    index: number,
    { blob, digest }: { blob: Blob; digest: Uint8Array | undefined },
    signal: AbortSignal,
    onProgress: (loaded: number) => void,
  ): Promise<{ progress: SessionProgress }> {
    return this.json("PUT", `chunk/${uploadId}/${index}`, {
      blob,
      headers: {
        "Content-Type": "application/octet-stream",
        ...(digest && { "Content-Digest": `sha-256=:${toBase64(digest)}:` }),
      },
      signal,
      onProgress,
    });
  }

  /** Any request of the API that is answered by JSON. */
  async json<T>(method: string, path: string, call: Call): Promise<T> {
    return parse(await this.call(method, path, call));
  }

  /** Any request of the API. */
  async call(method: string, path: string, call: Call): Promise<HttpAnswer> {
    const { authToken, headers } = this.#options;
    const used = this.#authorization();
    let answer = await this.#send(method, path, call, await used);
    let error = errorOf(answer);
    const stale = error?.code === "csrf_failed" && typeof headers === "function";
    if (stale || (error?.status === 401 && typeof authToken === "function")) {
      // Whoever notices first asks for a fresh token; the other requests in flight use the same one.
      if (!stale && this.#token === used) this.#token = undefined;
      answer = await this.#send(method, path, call, await this.#authorization(), stale ? error : undefined);
      error = errorOf(answer);
    }
    if (error) throw error;
    return answer;
  }

  async #send(method: string, path: string, call: Call, token: string, refusal?: UploadError): Promise<HttpAnswer> {
    const { headers, credentials, stallTimeout, byXhr, onBeforeRequest, onAfterResponse } = this.#options;
    if (token !== "" && !this.#warned) this.#warn();
    const request = {
      method,
      url: this.#base + path,
      headers: {
        Accept: "application/json",
        ...(call.json !== undefined && { "Content-Type": "application/json" }),
        ...(token !== "" && { Authorization: `Bearer ${token}` }),
        ...(await supply(headers, refusal)),
        ...call.headers,
      },
      withCredentials: credentials === "include",
      stallTimeout,
      signal: call.signal,
    };
    const { blob, onProgress, json, keepalive } = call;
    await onBeforeRequest?.(request);
    const answer = await (blob && onProgress && byXhr
      ? sendBlob({ ...request, body: blob, onProgress })
      : send({ ...request, keepalive, body: json === undefined ? blob : JSON.stringify(json) }));
    await onAfterResponse?.(request, answer);
    return answer;
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
