const WINDOW_MILLISECONDS = 10_000;
const SPEED_EVERY_MILLISECONDS = 500;

export interface Speed {
  /** Mean over the last ten seconds of sending. */
  bytesPerSecond: number;
  /** Undefined while nothing moves. */
  remainingSeconds: number | undefined;
}

/** Turns byte counts into what people look at: a percentage that never falls, a speed and a remaining time. */
export class Progress {
  readonly #totalBytes: number;
  readonly #onPercentage: (percentage: number, bytes: number) => void;
  readonly #onSpeed: (speed: Speed) => void;
  readonly #now: () => number;
  #highest = -1;
  #samples: { time: number; bytes: number }[] = [];
  #told = Number.NEGATIVE_INFINITY;

  constructor(
    totalBytes: number,
    onPercentage: (percentage: number, bytes: number) => void,
    onSpeed: (speed: Speed) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#totalBytes = totalBytes;
    this.#onPercentage = onPercentage;
    this.#onSpeed = onSpeed;
    this.#now = now;
  }

  /** @param bytes acknowledged and in flight; may fall when a chunk has to be sent again */
  update(bytes: number): void {
    this.#sample(bytes);
    // Tenths: often enough for the eye, seldom enough for those who render on every call.
    const percentage = this.#totalBytes ? Math.floor((bytes / this.#totalBytes) * 1000) / 10 : 100;
    if (percentage <= this.#highest) return;
    this.#highest = percentage;
    this.#onPercentage(percentage, bytes);
  }

  /** Forget the past: nothing moved while the upload was paused or waited, and that says nothing about its speed. */
  pause(): void {
    this.#samples = [];
    this.#told = Number.NEGATIVE_INFINITY;
    this.#onSpeed({ bytesPerSecond: 0, remainingSeconds: undefined });
  }

  #sample(bytes: number): void {
    const time = this.#now();
    this.#samples.push({ time, bytes });
    while (this.#samples.length > 2 && time - (this.#samples[0]?.time ?? time) > WINDOW_MILLISECONDS)
      this.#samples.shift();
    if (time - this.#told < SPEED_EVERY_MILLISECONDS) return;
    const first = this.#samples[0];
    if (first === undefined || time - first.time < SPEED_EVERY_MILLISECONDS) return;
    this.#told = time;
    const bytesPerSecond = Math.max(((bytes - first.bytes) / (time - first.time)) * 1000, 0);
    const left = this.#totalBytes - bytes;
    this.#onSpeed({ bytesPerSecond, remainingSeconds: bytesPerSecond > 0 ? left / bytesPerSecond : undefined });
  }
}
