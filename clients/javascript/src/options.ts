import type { ApiOptions, Proof, SessionDocument } from "./api.js";
import type { ChunkState } from "./chunk-table.js";
import type { UploadError } from "./errors.js";
import type { HttpAnswer, OutgoingRequest } from "./http.js";
import type { Load } from "./load.js";
import type { Speed } from "./progress.js";
import { BrowserStorage, type UploadStorage } from "./storage.js";
import type { Supplied } from "./supplied.js";
import { webAddress } from "./transport.js";

/**
 * - `queued`: waits for its turn among the uploader's files
 * - `starting`: asks the server what it has
 * - `uploading`
 * - `waiting`: offline, or the server cannot be reached; resumes by itself
 * - `paused`: until `resume()`
 * - `verifying`: everything is sent; the server proves the whole file
 * - `completed`, `failed`, `aborted`: ended
 */
export type UploadState =
  | "queued"
  | "starting"
  | "uploading"
  | "waiting"
  | "paused"
  | "verifying"
  | "completed"
  | "failed"
  | "aborted";

/** A published file. */
export interface UploadResult {
  uploadId: string;
  name: string;
  /** Bytes. */
  size: number;
  mimeType: string;
  /** Whether the stored bytes are proven to be those of the file here; not from pages without WebCrypto. */
  verified: boolean;
  /** Of the stored bytes, in hex; undefined where the server was told to leave it out. */
  sha256: string | undefined;
  /** The SHA-256 of all chunks' SHA-256, and their number: `<64 hex>-<chunks>`. */
  compositeHash: string | undefined;
  /** What a form field is given for the file, until it is claimed; undefined without a `purpose`. */
  reference: string | undefined;
  /** Where its owner downloads it: of http or https, or undefined, whatever the server says. */
  url: string | undefined;
  metadata: Record<string, unknown>;
}

export interface StateDetails {
  /** Why it waits or failed. */
  error?: UploadError;
  /** Milliseconds until the next attempt; undefined while offline. */
  retryIn?: number;
}

export interface ChunkEvent {
  index: number;
  state: ChunkState;
}

/** A file, or what can be made one. A stream has no length and is read once, so it cannot resume after a reload. */
export type Source = Blob | ArrayBuffer | ArrayBufferView<ArrayBuffer> | ReadableStream<Uint8Array>;

/** What an upload tells. Errors thrown in these are reported to the console and stop nothing. */
export interface UploadEvents {
  /** The session on the server is known: another page or device can continue it by this id. */
  onSession?: (uploadId: string) => void;
  /** Acknowledged and in flight, 0 to 100 in tenths; never falls. Of a stream: 0 until its end, of 0 bytes in total. */
  onProgress?: (percentage: number, bytes: { sentBytes: number; totalBytes: number }) => void;
  onSpeed?: (speed: Speed) => void;
  /** A chunk is being sent, was stored, was damaged, or was repaired. */
  onChunk?: (event: ChunkEvent) => void;
  onStateChange?: (state: UploadState, details: StateDetails) => void;
  /** An earlier upload cannot be gone on with, and a new one begins: it was lost, or is of another version of the file. */
  onRestart?: (reason: UploadError) => void;
  onComplete?: (result: UploadResult) => void;
  /** The promise is rejected with the same error, unless this is given: then nothing more needs to catch it. */
  onError?: (error: UploadError) => void;
}

/** Options of one file. */
export interface UploadOptions extends UploadEvents {
  /** A small JSON object that is kept with the upload. */
  metadata?: Record<string, unknown>;
  /** Bytes; a wish, the server's answer counts. Default: what the line carries in a second, once that is known. */
  chunkSize?: number;
  /** Declare the SHA-256 of the whole file too; costs a second pass over it, in WebAssembly, whose code is loaded then. */
  fileHash?: boolean;
  /** Which form field the file is for: the token that its page was given, `<label>:<signed>`. */
  purpose?: string;
  /**
   * What tells this file from others, instead of its path, size, modification time, `filename` and `metadata`: a text,
   * or a function that makes it.
   */
  fingerprint?: string | ((file: File) => string);
  /** From a drop or a picker: kept until the upload ends, so that after a reload {@link Uploader.reopen} has the file. */
  handle?: FileSystemFileHandle;
  /** Default: what the server takes the name's suffix for. */
  mimeType?: string;
  /** Default: the file's. */
  filename?: string;
  /** Stops the upload as `abort()` does. */
  signal?: AbortSignal;
  /** Resume this session, which may have been begun on another device. */
  uploadId?: string;
  /** False: begin anew even if an unfinished upload of this file is remembered. */
  resume?: boolean;
}

/** Options of an uploader; those of {@link UploadOptions} are defaults for its files. */
export interface UploaderOptions extends Omit<UploadOptions, "uploadId" | "filename" | "handle"> {
  /** Where the API's URLs are included, absolute or relative to the page. */
  apiUrl: string;
  /** A Bearer token, or a function that gets one; it is asked again, once a request, when the server answers 401. */
  authToken?: Supplied<string>;
  /**
   * Sent with every request, for instance `X-CSRFToken`. A function is asked for each, and once more with the error when
   * the server refuses their CSRF token.
   */
  headers?: Supplied<Record<string, string>, UploadError | undefined>;
  /**
   * The server answers 401: log in, and resolve when that is done; all uploads wait, and resume. Without it, or if it
   * rejects, they fail with `not_authenticated`.
   */
  onLoginRequired?: (error: UploadError) => Promise<unknown>;
  /** Before each request; may set headers. */
  onBeforeRequest?: (request: OutgoingRequest) => void | Promise<void>;
  onAfterResponse?: (request: OutgoingRequest, response: HttpAnswer) => void | Promise<void>;
  /** `fetch` where there is no XMLHttpRequest (Node.js, Deno, workers): then progress is told by the chunk. */
  transport?: "xhr" | "fetch";
  /** `include` sends cookies to another origin too. Default: `same-origin`. */
  credentials?: RequestCredentials;
  /** Chunks in flight at once, over all files, at most; fewer on slow lines. Default: 4. */
  parallel?: number;
  /** Files in progress at once; the others are queued, but for small ones, which overtake. Default: 3. */
  parallelFiles?: number;
  /** Milliseconds before each further attempt of a request. Default: half a second, doubling, for about ten minutes. */
  retryDelays?: readonly number[];
  /** Asked before each further attempt of a request that failed with a retryable error. */
  shouldRetry?: (error: UploadError, attempt: number) => boolean;
  /** Milliseconds without progress after which a request is given up and tried again. Default: 30,000. */
  stallTimeout?: number;
  /** Where unfinished uploads are remembered. Default: localStorage. */
  storage?: UploadStorage;
}

/** An unfinished upload that a file may resume. */
export interface PreviousUpload {
  uploadId: string;
  filename: string;
  size: number;
  startedAt: Date;
  expiresAt: Date;
  percentage: number;
  /** Whether it is remembered in this browser, and not only by the server. */
  here: boolean;
  /** Whether its file is kept in this browser: see {@link Uploader.reopen}. */
  reopens: boolean;
  metadata: Record<string, unknown>;
}

export interface Settings extends Required<Pick<UploaderOptions, "parallel" | "parallelFiles" | "shouldRetry">> {
  onLoginRequired: UploaderOptions["onLoginRequired"];
  api: ApiOptions;
  retryDelays: readonly number[];
  storage: UploadStorage;
}

const RETRY_DELAYS = [500, 1000, 2000, 4000, 8000, 15_000, 30_000, ...Array<number>(9).fill(60_000)];

export function settingsOf(options: UploaderOptions, load: Load): Settings {
  return {
    api: {
      apiUrl: options.apiUrl,
      authToken: options.authToken,
      headers: options.headers,
      credentials: options.credentials ?? "same-origin",
      stallTimeout: options.stallTimeout ?? 30_000,
      byXhr: (options.transport ?? "xhr") === "xhr" && "XMLHttpRequest" in globalThis,
      onBeforeRequest: options.onBeforeRequest,
      onAfterResponse: options.onAfterResponse,
      load,
    },
    onLoginRequired: options.onLoginRequired && oneAtATime(options.onLoginRequired),
    parallel: options.parallel ?? 4,
    parallelFiles: options.parallelFiles ?? 3,
    retryDelays: options.retryDelays ?? RETRY_DELAYS,
    shouldRetry: options.shouldRetry ?? (() => true),
    storage: options.storage ?? new BrowserStorage(),
  };
}

/** One login for all requests that wait for it, and no more than two a second. */
function oneAtATime(logIn: (error: UploadError) => Promise<unknown>): (error: UploadError) => Promise<unknown> {
  let going: Promise<unknown> | undefined;
  const over = () => {
    going = undefined;
  };
  return (error) => {
    going ??= logIn(error).finally(() => setTimeout(over, 500));
    return going;
  };
}

export function resultOf(session: SessionDocument, proof: Proof, apiUrl: string): UploadResult {
  const file = session.file as NonNullable<SessionDocument["file"]>;
  return {
    uploadId: session.upload_id,
    name: file.name,
    size: file.size,
    mimeType: file.mime_type,
    verified: proof.composite_hash !== undefined || proof.file_hash !== undefined,
    sha256: file.sha256 ?? undefined,
    compositeHash: file.composite_hash ?? undefined,
    reference: file.reference ?? undefined,
    url: webAddress(file.url, apiUrl),
    metadata: session.metadata,
  };
}
