/* A small file in one request. See `on-demand.ts`. */
import type { SessionDocument, UploadApi } from "./api.js";
import { sha256, toBase64 } from "./digests.js";
import type { UploadOptions } from "./options.js";

/**
 * Send a whole file with its creation, as the IETF draft has it.
 *
 * @param key the same for every repetition
 * @throws {UploadError} what the request fails with
 * @throws {DOMException} the file cannot be read
 */
export async function sendWhole(
  api: UploadApi,
  file: File,
  options: UploadOptions,
  key: string,
  signal: AbortSignal,
): Promise<SessionDocument> {
  const { filename = file.name, mimeType = "application/octet-stream", metadata = {} } = options;
  const digest = await sha256(new Uint8Array(await file.arrayBuffer()));
  const texts = Object.entries(metadata).map(([name, text]) => `${name} ${base64(text as string)}`);
  const headers = {
    "Content-Type": mimeType,
    "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(filename)}`,
    "Idempotency-Key": `"${key}"`,
    "Upload-Complete": "?1",
    ...(texts.length > 0 && { "Upload-Metadata": texts.join() }),
    ...(digest && { "Repr-Digest": `sha-256=:${toBase64(digest)}:` }),
  };
  return api.json("POST", "files/", { blob: file, headers, signal });
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
