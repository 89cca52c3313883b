import type { Words } from "./words.js";

// What the same file will meet again on this page.
const FINAL = new Set([
  "content_refused",
  "executable_refused",
  "extension_not_allowed",
  "file_changed",
  "file_unreadable",
  "purpose_expired",
  "purpose_invalid",
  "too_large",
  "type_mismatch",
  "type_not_allowed",
]);

/** What is told of an `UploadError`. */
export interface Failure {
  code: string;
  detail: string;
}

/** Whether trying the same file again can help. */
export function canRetry({ code }: Failure): boolean {
  return !FINAL.has(code);
}

/** Why, in words; the server's own where the field has none. */
export function reasonOf({ code, detail }: Failure, words: Words): string {
  const key = `error.${code}`;
  return words.has(key) ? words.say(key) : detail;
}
