import { UploadError } from "../errors.js";
import type { Reader, Reading } from "./reader.js";
import { createHash, digestOf } from "./sha256.js";

// So much of what was read for its digest waits in memory for its turn in the hash of the whole.
const HELD_BYTES = 32 * 2 ** 20;
// Hashing this much takes a few milliseconds, after which events have their turn.
const HASH_STEP_BYTES = 2 ** 20;

/** A reader on the thread it is made on: the worker's, or where there are no workers the page's. */
export class LocalReader implements Reader {
  readonly #file: Blob;
  readonly #chunkSize: number;
  readonly #count: number;
  readonly #expected: Set<number>;
  readonly #held = new Map<number, ArrayBuffer>();
  readonly #hash: Promise<string>;
  #hashed = 0;
  #arrived = () => {};
  #stepped = () => {};
  #step = this.#nextStep();
  #closed = false;

  constructor({ file, chunkSize, expected }: Reading) {
    this.#file = file;
    this.#chunkSize = chunkSize;
    this.#count = Math.ceil(file.size / chunkSize);
    this.#expected = new Set(expected);
    this.#hash = this.#hashAll();
    // Whoever asks for it hears of its failure; until then it is nobody's.
    this.#hash.catch(() => {});
  }

  async digest(index: number): Promise<string> {
    const bytes = await this.#bytesOf(index);
    if (this.#expected.has(index)) await this.#hold(index, bytes);
    return digestOf(bytes);
  }

  skip(index: number): void {
    this.#expected.delete(index);
    this.#arrived();
  }

  wholeHash(): Promise<string> {
    this.#expected.clear();
    this.#arrived();
    return this.#hash;
  }

  close(): void {
    this.#closed = true;
    this.#held.clear();
    this.#arrived();
    this.#stepped();
  }

  /**
   * Keep a chunk for the hash. Where that is slower than the network, sending waits for it, since both must end; but
   * not while it is busy with what the server has already.
   */
  async #hold(index: number, bytes: ArrayBuffer): Promise<void> {
    while (this.#full && this.#held.has(this.#hashed) && !this.#closed) await this.#step;
    this.#expected.delete(index);
    if (!this.#full && index >= this.#hashed) this.#held.set(index, bytes);
    this.#arrived();
  }

  get #full(): boolean {
    return this.#held.size * this.#chunkSize >= HELD_BYTES;
  }

  /** Resolves when another chunk is in the hash. */
  #nextStep(): Promise<void> {
    return new Promise((resolve) => {
      this.#stepped = () => {
        this.#step = this.#nextStep();
        resolve();
      };
    });
  }

  async #hashAll(): Promise<string> {
    const hash = await createHash();
    for (; this.#hashed < this.#count && !this.#closed; this.#hashed++) {
      const bytes = await this.#next(this.#hashed);
      for (let start = 0; start < bytes.byteLength; start += HASH_STEP_BYTES) {
        hash.update(new Uint8Array(bytes, start, Math.min(HASH_STEP_BYTES, bytes.byteLength - start)));
        await nextEvent();
      }
      this.#held.delete(this.#hashed);
      this.#stepped();
    }
    return hash.digest();
  }

  /** The bytes of a chunk when it is its turn: those that are read for sending anyway, or read for the hash alone. */
  async #next(index: number): Promise<ArrayBuffer> {
    while (this.#expected.has(index) && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.#held.get(index) ?? this.#bytesOf(index);
  }

  async #bytesOf(index: number): Promise<ArrayBuffer> {
    const slice = this.#file.slice(index * this.#chunkSize, (index + 1) * this.#chunkSize);
    let bytes: ArrayBuffer;
    try {
      bytes = await slice.arrayBuffer();
    } catch (cause) {
      throw new UploadError("file_unreadable", { cause });
    }
    if (bytes.byteLength !== slice.size) throw new UploadError("file_changed");
    return bytes;
  }
}

/** Let waiting events run; timers would wait four milliseconds each. */
function nextEvent(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
