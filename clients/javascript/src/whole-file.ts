import type { UploadApi, WholeFile } from "./api.js";
import { sha256 } from "./digests.js";
import { UploadError } from "./errors.js";
import type { UploadOptions } from "./options.js";

/** Files up to so many bytes are one chunk whatever the server prefers, and take one request. */
export const ONE_CHUNK = 2 ** 20;

// What tus's Upload-Metadata has for keys.
const KEY = /^[!-+\--~]+$/;

/** Whether a file can go in one request, with all that belongs to it. */
export function goesInOneRequest({ size }: File, { chunkSize = ONE_CHUNK, metadata = {} }: UploadOptions): boolean {
  const isText = Object.entries(metadata).every(([key, value]) => KEY.test(key) && typeof value === "string");
  return size > 0 && size <= ONE_CHUNK && size <= chunkSize && isText;
}

/**
 * What to give to {@link UploadApi.createWhole}.
 *
 * @throws {UploadError} `file_unreadable`
 */
export async function wholeFile(file: File, options: UploadOptions, key: string): Promise<WholeFile> {
  const bytes = await file.arrayBuffer().catch((cause) => {
    throw new UploadError("file_unreadable", { cause });
  });
  const metadata = Object.entries(options.metadata ?? {}).map(([name, text]) => `${name} ${base64(text as string)}`);
  return {
    filename: options.filename ?? file.name,
    mimeType: options.mimeType,
    metadata: metadata.join(),
    key,
    blob: file,
    digest: await sha256(new Uint8Array(bytes)),
  };
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
