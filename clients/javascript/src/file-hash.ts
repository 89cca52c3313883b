import { createSHA256 } from "hash-wasm";
import { UploadError } from "./errors.js";

/**
 * The SHA-256 of a whole file in hex. WebCrypto has no incremental one, so this is WebAssembly, loaded only by those who
 * ask for it; a Content-Security-Policy needs `'wasm-unsafe-eval'`.
 *
 * @throws {UploadError} `file_unreadable`, `aborted`
 */
export async function sha256OfFile(file: Blob, signal: AbortSignal): Promise<string> {
  const hash = await createSHA256();
  hash.init();
  const stream = file.stream().getReader();
  for (;;) {
    const { done, value } = await stream.read().catch((cause) => {
      throw new UploadError("file_unreadable", { cause });
    });
    if (signal.aborted) throw new UploadError("aborted");
    if (done) return hash.digest();
    hash.update(value);
  }
}
