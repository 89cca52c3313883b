import type { SessionDocument, UploadApi } from "./api.js";
import type { Attempts } from "./attempts.js";
import { ChunkReader } from "./chunk-reader.js";
import { type ChunkDigests, canDigest, toHex } from "./digests.js";
import { UploadError } from "./errors.js";

// So much of what a session had must be of the file here before anything is sent: it may be another device's upload.
const COMPARED_FIRST_BYTES = 64 * 2 ** 20;

/**
 * Compare the chunks that a session has already with the file here.
 *
 * @param onTrust told once enough of them are: the others may be compared while the rest is sent
 * @throws {UploadError} `other_version`: the session has bytes of another version of the file
 */
export async function compareStored(
  file: File,
  session: SessionDocument,
  digests: ChunkDigests,
  { api, attempts }: { api: UploadApi; attempts: Attempts },
  onTrust: () => void,
): Promise<void> {
  if (!canDigest() || session.progress.received_chunks === 0) return;
  let compared = 0;
  const reader = new ChunkReader(file, session.chunk_size);
  try {
    for (let start: number | null = 0; start !== null; ) {
      const from: number = start;
      const page = await attempts.run((signal) => api.receipts(session.upload_id, from, signal));
      for (const { index, size, sha256 } of page.receipts) {
        if (digests.has(index)) continue; // Sent from here, since.
        attempts.throwIfOver();
        const digest = await reader.digest(index);
        if (!digest || toHex(digest) !== sha256) throw new UploadError("other_version");
        digests.note(index, digest);
        compared += size;
        if (compared >= COMPARED_FIRST_BYTES) onTrust();
      }
      start = page.receipts_next;
    }
  } finally {
    reader.close();
  }
}
