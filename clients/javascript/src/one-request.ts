import type { UploadOptions } from "./options.js";

/** Files up to so many bytes are one chunk whatever the server prefers, and take one request. */
export const ONE_CHUNK = 2 ** 20;

// What tus's Upload-Metadata has for keys.
const KEY = /^[!-+\--~]+$/;

/** Whether a file can go in one request, with all that belongs to it. */
export function goesInOneRequest(
  { size }: File,
  { chunkSize = ONE_CHUNK, metadata = {}, purpose }: UploadOptions,
): boolean {
  const isText = Object.entries(metadata).every(([key, value]) => KEY.test(key) && typeof value === "string");
  return !purpose && size > 0 && size <= ONE_CHUNK && size <= chunkSize && isText;
}
