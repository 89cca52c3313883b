const MIB = 2 ** 20;
const LARGEST = 4 * MIB;
const WANTED_CHUNKS = 64;

interface Connection {
  effectiveType?: string;
  saveData?: boolean;
}

/**
 * The chunk size to wish for; undefined leaves it to the server.
 *
 * A request costs the browser some milliseconds, so large files are sent in larger chunks. Not much larger, and not
 * where the browser knows that the line is slow: what is in flight when a line breaks has to be sent again.
 */
export function preferredChunkSize(fileSize: number, connection = networkInformation()): number | undefined {
  const slow = connection?.saveData || (connection?.effectiveType ?? "4g") !== "4g";
  if (slow || fileSize < 2 * MIB * WANTED_CHUNKS) return undefined;
  return Math.min(2 ** Math.floor(Math.log2(fileSize / WANTED_CHUNKS)), LARGEST);
}

/** The Network Information API, which only some browsers have. */
function networkInformation(): Connection | undefined {
  return (globalThis.navigator as { connection?: Connection } | undefined)?.connection;
}
