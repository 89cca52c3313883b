import { createSHA256 } from "hash-wasm";

/**
 * The SHA-256 of a whole file in hex. WebCrypto has no incremental one, so this is WebAssembly, loaded only by those who
 * ask for it; a Content-Security-Policy needs `'wasm-unsafe-eval'`.
 *
 * @throws the browser's own error when the file cannot be read, or the signal's reason. No `UploadError`: this is loaded
 *   from a file of its own, whose class would be another one.
 */
export async function sha256OfFile(file: Blob, signal: AbortSignal): Promise<string> {
  const hash = await createSHA256();
  hash.init();
  const stream = file.stream().getReader();
  for (;;) {
    const { done, value } = await stream.read();
    signal.throwIfAborted();
    if (done) return hash.digest();
    hash.update(value);
  }
}
