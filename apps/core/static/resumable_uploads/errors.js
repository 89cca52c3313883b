// Why something failed, in the reader's language.
import { acceptedKinds } from "./accepted.js";
import { bytes } from "./format.js";
import { wholeSuffix } from "./names.js";
import { pageData } from "./page-data.js";
import { hasText, say } from "./texts.js";

// What the same file will meet again, or what only somebody's doing can change.
const FINAL = new Set([
  "composite_mismatch",
  "content_refused",
  "executable_refused",
  "extension_not_allowed",
  "file_changed",
  "file_unreadable",
  "other_user",
  "too_large",
  "type_mismatch",
  "type_not_allowed",
]);

/** Whether trying again can help. */
export function canRetry(code) {
  return !FINAL.has(code);
}

/**
 * @param error an `UploadError`, or what has its `code` and `detail`
 * @param file whose error it is, if it is one's
 */
export function reasonOf({ code, detail }, file) {
  const suffix = file && wholeSuffix(file.name);
  const key = code === "extension_not_allowed" && !suffix ? "error.no_suffix" : `error.${code}`;
  if (!hasText(key)) return detail ?? say("error.unexpected");
  return say(key, {
    suffix,
    kinds: acceptedKinds(),
    size: file && bytes(file.size),
    limit: bytes(pageData.maxFileSize),
  });
}
