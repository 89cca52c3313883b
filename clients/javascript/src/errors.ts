import type { HttpAnswer } from "./http.js";

/** The members of an RFC 9457 problem document that the server sends; some codes bring further ones. */
export interface Problem {
  code: string;
  detail: string;
  status: number;
  title?: string;
  missing_chunks?: number[];
  [member: string]: unknown;
}

/** What can go wrong on this side of the network; every other code is the server's (see the API reference). */
export type ClientErrorCode =
  | "aborted"
  | "file_changed"
  | "file_unreadable"
  | "network_error"
  | "not_an_upload_server"
  | "other_version"
  | "proxy_limit"
  | "redirected"
  | "stalled"
  | "unexpected"
  | "unexpected_answer";

const RETRYABLE_CODES = new Set([
  "append_superseded",
  "checksum_mismatch",
  "chunk_superseded",
  "conflict",
  "incomplete_body",
  "network_error",
  "receive_timeout",
  "staging_lost",
  "stalled",
  "storage_full",
  "throttled",
]);

/** What a status means without a problem document. */
const CODES: Record<number, ClientErrorCode | "not_authenticated" | "throttled"> = {
  // What Firefox makes of an answer that was cut.
  0: "network_error",
  401: "not_authenticated",
  404: "not_an_upload_server",
  408: "throttled",
  413: "proxy_limit",
  429: "throttled",
};

// For what happens here; what the server refuses it says itself, with the limit or the types that it accepts.
const MESSAGES: Record<string, string> = {
  aborted: "The upload was stopped.",
  file_changed: "The file has changed. Choose it again.",
  file_unreadable: "The file cannot be read. Choose it again.",
  network_error: "The server cannot be reached.",
  not_an_upload_server: "This is no upload service.",
  not_authenticated: "You are not logged in.",
  other_version: "The file has changed.",
  proxy_limit: "A proxy limits requests.",
  redirected: "The server is elsewhere.",
  session_cancelled: "The upload was cancelled.",
  session_expired: "The upload expired.",
  stalled: "The connection stands still.",
  throttled: "The server is busy.",
  unexpected: "Something went wrong.",
};

/** Everything that an upload can fail with. `message` is a sentence for the person in front of the screen. */
export class UploadError extends Error {
  /** The sentences by code, to be overridden or translated. A code without one is told in the server's words. */
  static readonly messages = MESSAGES;
  override readonly name = "UploadError";
  /** Stable; decide by it. A {@link ClientErrorCode} or a `code` of the server's. */
  readonly code: string;
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** The server's problem document, where it sent one. */
  readonly problem: Problem | undefined;
  /** Seconds that the server asked to wait (`Retry-After`). */
  readonly retryAfter: number | undefined;

  constructor(
    code: string,
    options: {
      status?: number;
      problem?: Problem | undefined;
      retryAfter?: number | undefined;
      retryable?: boolean;
      cause?: unknown;
    } = {},
  ) {
    const status = options.status ?? 0;
    super(MESSAGES[code] ?? options.problem?.detail ?? `The server answered ${status}.`, { cause: options.cause });
    this.code = code;
    this.status = status;
    this.problem = options.problem;
    this.retryAfter = options.retryAfter;
    this.retryable = options.retryable ?? (RETRYABLE_CODES.has(code) || status >= 500);
  }

  /** The server's own words, more exact than `message`. */
  get detail(): string {
    return this.problem?.detail ?? this.message;
  }
}

/** The error of an answer outside 2xx: a problem document, or whatever a proxy in between said. */
export function errorOf({ status, text, header }: HttpAnswer): UploadError | undefined {
  if (status >= 200 && status < 300) return undefined;
  const problem = parseProblem(text);
  const code = problem?.code ?? CODES[status] ?? "unexpected_answer";
  return new UploadError(code, { status, problem, retryAfter: parseRetryAfter(header("Retry-After")) });
}

function parseProblem(body: string): Problem | undefined {
  try {
    const document = JSON.parse(body);
    return typeof document?.code === "string" ? document : undefined;
  } catch {
    return undefined;
  }
}

/** Seconds of a `Retry-After` header, which is a number of them or a date (RFC 9110, 10.2.3). */
export function parseRetryAfter(value: string | null, now = Date.now()): number | undefined {
  if (value === null || value.trim() === "") return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(seconds, 0);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max((date - now) / 1000, 0);
}
