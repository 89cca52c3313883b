/* To go on where an earlier attempt stopped, or behind a proxy that takes no large requests. See `on-demand.ts`. */
import type { ReceiptsPage, SessionDocument, UploadApi } from "./api.js";
import type { Attempts } from "./attempts.js";
import type { ChunkReader } from "./chunk-reader.js";
import { type ChunkDigests, sha256, toBase64, toHex } from "./digests.js";
import type { UploadError } from "./errors.js";
import type { Line } from "./line.js";

// So much of what a session had must be of the file here before anything is sent: it may be another device's upload.
const COMPARED_FIRST_BYTES = 64 * 2 ** 20;

/** What is gone on with. */
export interface Resumed {
  file: File;
  session: SessionDocument;
  api: UploadApi;
  attempts: Attempts;
  line: Line;
}

/**
 * Whether the chunks that a session has already are those of the file here.
 *
 * @param onTrust told once enough of them are: the others may be compared while the rest is sent
 */
export async function isSame(
  { session, api, attempts }: Pick<Resumed, "session" | "api" | "attempts">,
  reader: ChunkReader,
  digests: ChunkDigests,
  onTrust: () => void,
): Promise<boolean> {
  let compared = 0;
  for (let start: number | null = 0; start !== null; ) {
    const from: number = start;
    const address = `status/${session.upload_id}?receipts_from=${from}`;
    const page: ReceiptsPage = await attempts.run((signal) => api.json("GET", address, { signal }));
    for (const { index, size, sha256 } of page.receipts) {
      if (digests.has(index)) continue; // Sent from here, since.
      attempts.throwIfOver();
      const digest = await reader.digest(index);
      if (!digest || toHex(digest) !== sha256) return false;
      digests.note(index, digest);
      compared += size;
      if (compared >= COMPARED_FIRST_BYTES) onTrust();
    }
    start = page.receipts_next;
  }
  return true;
}

/**
 * Send what a session lacks in order, in pieces that a proxy on the way takes, by the IETF draft. The server makes chunks
 * of them, and passes over those that it has.
 *
 * @param onStored told of each chunk that is whole
 */
export async function appendInPieces(resumed: Resumed, onStored: (index: number) => void): Promise<void> {
  const { file, session, api, attempts } = resumed;
  for (;;) {
    const { status, progress } = await attempts.run((signal) => api.status(session.upload_id, signal));
    const [index] = progress.missing_chunks ?? [];
    if (status !== "active" || index === undefined) return;
    const start = index * session.chunk_size;
    const end = Math.min(start + session.chunk_size, file.size);
    for (let offset = start; offset >= start && offset < end; ) offset = await append(resumed, offset, end);
    onStored(index);
  }
}

/** Send the next piece; where to go on. */
async function append({ file, session, api, attempts, line }: Resumed, offset: number, end: number): Promise<number> {
  const piece = file.slice(offset, Math.min(offset + (line.limit ?? end), end));
  const digest = await sha256(new Uint8Array(await piece.arrayBuffer()));
  const headers = {
    "Content-Type": "application/partial-upload",
    "Upload-Complete": "?0",
    "Upload-Draft-Interop-Version": "8",
    "Upload-Offset": String(offset),
    ...(digest && { "Content-Digest": `sha-256=:${toBase64(digest)}:` }),
  };
  const call = { blob: piece, headers, onProgress: () => {} };
  try {
    await attempts.run((signal) => api.call("PATCH", `files/${session.upload_id}`, { ...call, signal }));
    return offset + piece.size;
  } catch (error) {
    const { code, problem } = error as UploadError;
    if (code === "offset_mismatch") return Number(problem?.["expected-offset"]);
    if (code === "proxy_limit" && line.noteLimit(piece.size)) return offset;
    throw error;
  }
}
