import { hasEnded, type UploadItem } from "./upload-item.js";

/** What all files of a list come to. */
export interface UploadTotals {
  readonly files: number;
  readonly completed: number;
  /** Failed or cancelled. */
  readonly failed: number;
  /** The sizes of all files. */
  readonly totalBytes: number;
  readonly sentBytes: number;
  /** 0 to 100, in tenths; of files without a byte, by their number. */
  readonly percentage: number;
  readonly bytesPerSecond: number;
  /** Seconds, of the files that have not ended; undefined while nothing moves. */
  readonly remainingSeconds: number | undefined;
}

export function totalsOf(items: readonly UploadItem[]): UploadTotals {
  let [completed, failed, totalBytes, sentBytes, leftBytes, bytesPerSecond] = [0, 0, 0, 0, 0, 0];
  for (const item of items) {
    const { size } = item.file;
    const sent = item.status === "completed" ? size : item.sentBytes;
    if (item.status === "completed") completed++;
    else if (hasEnded(item)) failed++;
    else leftBytes += size - sent;
    totalBytes += size;
    sentBytes += sent;
    bytesPerSecond += item.speed;
  }
  const done = totalBytes ? sentBytes / totalBytes : items.length && completed / items.length;
  return {
    files: items.length,
    completed,
    failed,
    totalBytes,
    sentBytes,
    percentage: Math.floor(done * 1000) / 10,
    bytesPerSecond,
    remainingSeconds: bytesPerSecond ? leftBytes / bytesPerSecond : undefined,
  };
}
