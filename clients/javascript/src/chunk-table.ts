/** What is known of one chunk. */
export const ChunkState = { Missing: 0, Sending: 1, Stored: 2, Damaged: 3, Repaired: 4 } as const;
export type ChunkState = (typeof ChunkState)[keyof typeof ChunkState];

/** The grid of one session, and the state of each of its chunks. */
export class ChunkTable {
  readonly totalSize: number;
  readonly chunkSize: number;
  readonly states: Uint8Array;
  #storedBytes = 0;
  #storedChunks = 0;
  /** Where to look for the next one to take first. */
  #next = 0;
  readonly #again: number[] = [];
  readonly #resent = new Set<number>();
  readonly #left = new Set<number>();
  readonly #onChange: (index: number, state: ChunkState) => void;

  /**
   * @param totalSize bytes of the file
   * @param chunkSize bytes of every chunk but the last
   * @param missing indices of the chunks that the server does not have
   */
  constructor(
    totalSize: number,
    chunkSize: number,
    missing: Iterable<number>,
    onChange: (index: number, state: ChunkState) => void = () => {},
  ) {
    this.totalSize = totalSize;
    this.chunkSize = chunkSize;
    this.states = new Uint8Array(Math.ceil(totalSize / chunkSize)).fill(ChunkState.Stored);
    this.#onChange = onChange;
    for (const index of missing) this.states[index] = ChunkState.Missing;
    for (let index = 0; index < this.length; index++) if (this.isStored(index)) this.#count(index, 1);
  }

  get length(): number {
    return this.states.length;
  }

  /** Bytes of the chunks that the server has acknowledged. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  get storedChunks(): number {
    return this.#storedChunks;
  }

  sizeOf(index: number): number {
    return Math.min(this.chunkSize, this.totalSize - index * this.chunkSize);
  }

  isStored(index: number): boolean {
    return this.states[index] === ChunkState.Stored || this.states[index] === ChunkState.Repaired;
  }

  /** Go on elsewhere: another device sends this file too, and need not send the same chunks. */
  scatter(): void {
    this.#next = Math.floor(Math.random() * this.length);
  }

  /** Another tab is sending this chunk: leave it to that while there are others. */
  leave(index: number): void {
    this.#left.add(index);
  }

  /** Whether a chunk may be left to take. */
  get hasMissing(): boolean {
    return this.#again.length > 0 || this.states.includes(ChunkState.Missing);
  }

  /** The next chunk to send, marked as being sent; undefined when none is left. */
  take(): number | undefined {
    const index = this.#takeAgain() ?? this.#nextMissing();
    if (index !== undefined) this.#set(index, ChunkState.Sending);
    return index;
  }

  /** The server has it. */
  store(index: number): void {
    if (!this.isStored(index)) this.#count(index, 1);
    this.#set(index, this.#resent.has(index) ? ChunkState.Repaired : ChunkState.Stored);
  }

  /** It was not sent after all, and is to be taken again. */
  giveBack(index: number): void {
    this.#set(index, ChunkState.Missing);
    this.#again.push(index);
  }

  /** It went wrong and is to be taken again. */
  resend(index: number): void {
    this.#resent.add(index);
    this.#set(index, ChunkState.Damaged);
    this.#again.push(index);
  }

  /** Learn from the server what it lacks; damaged are those it once had. Chunks being sent stay so. */
  update(missing: Iterable<number>): void {
    const lacking = new Set(missing);
    for (let index = 0; index < this.length; index++) {
      if (!lacking.has(index) && !this.isStored(index)) this.store(index);
      if (lacking.has(index) && this.isStored(index)) this.#lose(index);
    }
  }

  #lose(index: number): void {
    this.#count(index, -1);
    this.resend(index);
  }

  #takeAgain(): number | undefined {
    let index = this.#again.shift();
    // Somebody else may have sent it meanwhile.
    while (index !== undefined && this.isStored(index)) index = this.#again.shift();
    return index;
  }

  #nextMissing(): number | undefined {
    const missing = (from: number) => this.states.indexOf(ChunkState.Missing, from);
    let index = missing(this.#next);
    while (this.#left.has(index)) index = missing(index + 1);
    if (index < 0) index = missing(0);
    return index < 0 ? undefined : index;
  }

  #count(index: number, sign: 1 | -1): void {
    this.#storedChunks += sign;
    this.#storedBytes += sign * this.sizeOf(index);
  }

  #set(index: number, state: ChunkState): void {
    this.states[index] = state;
    this.#onChange(index, state);
  }
}
