import type { UploadError } from "../errors.js";
import type { UploadResult, UploadState } from "../options.js";

/** One file as a component shows it. A new object whenever something of it changed. */
export interface UploadItem {
  /** Stable for the life of the list; a key. */
  readonly id: number;
  readonly file: File;
  /** The session on the server, once there is one. */
  readonly uploadId: string | undefined;
  readonly status: UploadState;
  /** 0 to 100, in tenths. */
  readonly progress: number;
  /** Acknowledged and in flight. */
  readonly sentBytes: number;
  /** Bytes per second. */
  readonly speed: number;
  /** Seconds; undefined while nothing moves. */
  readonly remainingTime: number | undefined;
  /** Why it failed, or waits. */
  readonly error: UploadError | undefined;
  /** It failed or was cancelled, and another attempt may come to something else. */
  readonly canRetry: boolean;
  readonly result: UploadResult | undefined;
  pause(): void;
  resume(): void;
  /** End it, and tell the server to forget it. */
  cancel(): void;
  /** After it failed or was cancelled: resume from what the server has. */
  retry(): void;
  /** Delete it from the server, whatever its state, and take it off the list; `error` says why it could not be. */
  delete(): void;
  /** Take it off the list; one under way is stopped, and resumes when the file is chosen again. */
  remove(): void;
}

/** Whether nothing more happens to an upload by itself. */
export function hasEnded({ status }: Pick<UploadItem, "status">): boolean {
  return status === "completed" || status === "failed" || status === "aborted";
}

// What is wrong with the file, or with what is said of it: the same file meets it again.
const FINAL = new Set([
  "bad_field",
  "bad_filename",
  "bad_metadata",
  "bad_size",
  "content_refused",
  "executable_refused",
  "extension_not_allowed",
  "file_changed",
  "file_unreadable",
  "hash_required",
  "head_too_large",
  "too_large",
  "type_mismatch",
  "type_not_allowed",
]);

export function canRetry(status: UploadState, error: UploadError | undefined): boolean {
  if (status === "aborted") return true;
  if (status !== "failed") return false;
  if (!error) return true;
  // 422 is a verdict on the content, under a code of the server's validators; but a wrong hash may be one bad read.
  return !FINAL.has(error.code) && (error.status !== 422 || error.code === "hash_mismatch");
}
