/* To upload what has no length yet and can be read only once. See `on-demand.ts`. */
import type { Proof, SessionDocument, UploadApi } from "./api.js";
import type { Attempts } from "./attempts.js";
import { ChunkDigests, sha256 } from "./digests.js";
import type { UploadError } from "./errors.js";
import { freshKey } from "./fingerprint.js";
import type { UploadOptions } from "./options.js";
import type { Slots } from "./slots.js";

/** What a stream is sent with, and who is told. */
export interface StreamParts {
  stream: ReadableStream<Uint8Array>;
  filename: string;
  options: UploadOptions;
  api: UploadApi;
  attempts: Attempts;
  requests: Slots;
  parallel: number;
  onSession: (uploadId: string) => void;
  /** Bytes acknowledged. */
  onBytes: (bytes: number) => void;
  onUploading: () => void;
  onVerifying: () => void;
}

interface Chunk {
  index: number;
  blob: Blob;
  digest: Uint8Array | undefined;
}

/**
 * Send a stream in chunks of the server's size, and declare its length at its end. What is not acknowledged stays in
 * memory: as many chunks as there are connections.
 *
 * @throws {UploadError} also `missing_chunks`, if the server lost bytes that are gone here
 */
export async function sendStream(parts: StreamParts): Promise<[SessionDocument, Proof]> {
  const { stream, api, attempts } = parts;
  const reader = stream.getReader();
  // A source that is silent would hold up the end for ever.
  const stop = () => void reader.cancel().catch(() => {});
  attempts.signal.addEventListener("abort", stop);
  let uploadId: string | undefined;
  const onSession = (id: string) => {
    uploadId = id;
    parts.onSession(id);
  };
  try {
    return await send({ ...parts, onSession }, reader, stop);
  } catch (error) {
    stop();
    // Nobody can go on with it: its bytes are gone.
    if (uploadId && !attempts.signal.aborted) await api.cancel(uploadId, attempts.signal).catch(() => {});
    attempts.throwIfOver();
    throw error;
  } finally {
    attempts.signal.removeEventListener("abort", stop);
  }
}

async function send(
  parts: StreamParts,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  stop: () => void,
): Promise<[SessionDocument, Proof]> {
  const { filename, options, api, attempts, parallel, onSession, onBytes, onUploading, onVerifying } = parts;
  const { mimeType, chunkSize, metadata, purpose } = options;
  const wish = { filename, total_size: undefined, client_key: freshKey(), mime_type: mimeType };
  const { upload_id: uploadId, chunk_size: size } = await attempts.run((signal) =>
    api.init({ ...wish, chunk_size: chunkSize, metadata, purpose, request_limit: undefined }, signal),
  );
  onSession(uploadId);
  onUploading();

  const chunks = chunksOf(reader, size);
  const digests: (Uint8Array | undefined)[] = [];
  let sent = 0;
  const lane = async () => {
    for (;;) {
      const { value: chunk } = await chunks.next();
      if (!chunk) return;
      digests[chunk.index] = chunk.digest;
      await attempts.run((signal) => put(parts, uploadId, chunk, signal));
      sent += chunk.blob.size;
      onBytes(sent);
    }
  };
  const fail = (error: UploadError) => {
    attempts.fail(error);
    stop();
  };
  await Promise.all(Array.from({ length: parallel }, () => lane().catch(fail)));
  attempts.throwIfOver();

  onVerifying();
  const proof = await proofOf(digests);
  return [await complete(parts, uploadId, { ...proof, total_size: sent }), proof];
}

async function put({ api, requests }: StreamParts, uploadId: string, chunk: Chunk, signal: AbortSignal): Promise<void> {
  const release = await requests.acquire(signal);
  try {
    await api.putChunk(uploadId, chunk.index, chunk, signal, () => {});
    requests.widen();
  } finally {
    release();
  }
}

/** The stream, cut; several may ask at once, and are answered in turn. */
async function* chunksOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  size: number,
): AsyncGenerator<Chunk, undefined> {
  let bytes = new Uint8Array(size);
  let filled = 0;
  let index = 0;
  const cut = async () => {
    const whole = bytes.subarray(0, filled);
    return { index: index++, blob: new Blob([whole]), digest: await sha256(whole) };
  };
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    for (let rest = value; rest.length > 0; ) {
      const part = rest.subarray(0, size - filled);
      bytes.set(part, filled);
      filled += part.length;
      rest = rest.subarray(part.length);
      if (filled < size) continue;
      yield await cut();
      bytes = new Uint8Array(size);
      filled = 0;
    }
  }
  if (filled > 0) yield await cut();
  return undefined;
}

async function proofOf(digests: (Uint8Array | undefined)[]): Promise<Proof> {
  const all = new ChunkDigests(digests.length);
  for (const [index, digest] of digests.entries()) all.note(index, digest);
  const composite = await all.composite();
  return composite ? { composite_hash: composite } : { unverified: true };
}

async function complete(
  { api, attempts }: StreamParts,
  uploadId: string,
  proof: Proof & { total_size: number },
): Promise<SessionDocument> {
  for (;;) {
    const answer = await attempts.run((signal) => api.complete(uploadId, proof, signal));
    if (typeof answer !== "number") return answer;
    await new Promise((resolve) => setTimeout(resolve, answer * 1000));
    attempts.throwIfOver();
  }
}
