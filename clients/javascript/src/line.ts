/*
 * How fast the line to a server is, and what follows from it.
 *
 * What is in flight when a line breaks, a tab is closed or an upload is paused has to be sent again. So at any time no
 * more is in flight than the line carries in IN_FLIGHT_SECONDS: chunks as large as a second's worth, if the rate is known
 * when the session begins, and of whatever size they are, as many at once as fit. Until the first chunk has landed, one.
 */
const KIB = 2 ** 10;
const MIB = 2 ** 20;
const IN_FLIGHT_SECONDS = 2;
const CHUNK_SECONDS = 1;
const SMALLEST = 128 * KIB;
const LARGEST = 8 * MIB;
/** The smallest chunk that servers take by default. */
const SMALLEST_REQUEST = 64 * KIB;
const ON_SLOW_LINES = 256 * KIB;
/** A file is cut into this many chunks at least, if they would not be smaller than 1 MiB then. */
const WANTED_CHUNKS = 32;
const WINDOW_MILLISECONDS = 5000;
const ENOUGH_BYTES = 512 * KIB;
const ENOUGH_MILLISECONDS = 1000;

interface Connection {
  effectiveType?: string;
  saveData?: boolean;
}

/** Where a rate is remembered from one page to the next; `localStorage` is one. */
export type Memory = Pick<Storage, "getItem" | "setItem">;

/** The line to one server. */
export class Line {
  readonly #origin: string;
  readonly #memory: () => Memory;
  readonly #now: () => number;
  #rate: number | undefined;
  #limit: number | undefined;
  #busy = 0;
  #busySince = 0;
  #landed: { time: number; bytes: number }[] = [];

  /** @param url of the API; its origin names the line */
  constructor(url: string, memory: () => Memory = () => localStorage, now: () => number = () => performance.now()) {
    this.#origin = new URL(url).origin;
    this.#memory = memory;
    this.#now = now;
    this.#rate = this.#remembered("rate");
    this.#limit = this.#remembered("limit");
  }

  /** Bytes per second over all that is sent; undefined while it is unknown. */
  get rate(): number | undefined {
    return this.#rate;
  }

  /** Bytes that a request may have on the way; undefined where nothing is known to limit them. */
  get limit(): number | undefined {
    return this.#limit;
  }

  /** A request of so many bytes did not get through; smaller ones are sent from now on. @returns whether there are any */
  noteLimit(size: number): boolean {
    this.#limit = Math.max(Math.floor(size / 2), SMALLEST_REQUEST);
    this.#remember("limit", this.#limit);
    return size > SMALLEST_REQUEST;
  }

  /** A chunk is about to be sent. Call what this returns when that is over, with the bytes that landed. */
  begin(): (bytes: number) => void {
    if (this.#busy++ === 0) {
      this.#busySince = this.#now();
      this.#landed = [];
    }
    return (bytes) => {
      this.#busy--;
      if (bytes > 0) this.#land(bytes);
    };
  }

  /** The chunk size to wish for; undefined leaves it to the server. */
  chunkSizeFor(fileSize: number, connection = networkInformation()): number | undefined {
    const wish = this.#wishFor(fileSize, connection);
    return this.#limit ? Math.min(wish ?? MIB, this.#limit) : wish;
  }

  #wishFor(fileSize: number, connection: Connection | undefined): number | undefined {
    if (this.#rate === undefined) {
      const slow = connection?.saveData || (connection?.effectiveType ?? "4g") !== "4g";
      return slow ? ON_SLOW_LINES : undefined;
    }
    const byRate = powerOfTwo(this.#rate * CHUNK_SECONDS);
    const byFile = Math.max(powerOfTwo(fileSize / WANTED_CHUNKS), MIB);
    return Math.max(Math.min(byRate, byFile, LARGEST), SMALLEST);
  }

  /** How many chunks of a size may be in flight at once. */
  inFlight(chunkSize: number): number {
    if (this.#rate === undefined) return 1;
    return Math.max(Math.floor((this.#rate * IN_FLIGHT_SECONDS) / chunkSize), 1);
  }

  #land(bytes: number): void {
    const now = this.#now();
    this.#landed.push({ time: now, bytes });
    while ((this.#landed[0]?.time ?? now) < now - WINDOW_MILLISECONDS) {
      // The next one was on its way since this one landed.
      this.#busySince = Math.max(this.#busySince, this.#landed.shift()?.time ?? 0);
    }
    const total = this.#landed.reduce((sum, each) => sum + each.bytes, 0);
    const milliseconds = Math.max(now - this.#busySince, 1);
    // A small file that takes no time tells how long an answer takes, not how much the line carries.
    if (total < ENOUGH_BYTES && milliseconds < ENOUGH_MILLISECONDS) return;
    this.#rate = (total * 1000) / milliseconds;
    this.#remember("rate", Math.round(this.#rate));
  }

  #remember(what: string, value: number): void {
    try {
      this.#memory().setItem(`resumable-uploads ${what} ${this.#origin}`, String(value));
    } catch {
      // Full, or denied: then the next page finds out anew.
    }
  }

  #remembered(what: string): number | undefined {
    try {
      return Number(this.#memory().getItem(`resumable-uploads ${what} ${this.#origin}`)) || undefined;
    } catch {
      return undefined; // Denied.
    }
  }
}

function powerOfTwo(bytes: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(bytes, 1)));
}

/** The Network Information API, which only some browsers have. */
function networkInformation(): Connection | undefined {
  return (globalThis.navigator as { connection?: Connection } | undefined)?.connection;
}
