// Lists are asked for once in five seconds at most, however much happens.

const EVERY_MILLISECONDS = 5000;

/** Does what is due, one after the other. */
export class Refresher {
  #due = new Set();
  #timer;
  #last = Number.NEGATIVE_INFINITY;

  /** Have this done: at once if nothing was lately, or in its turn; once, though asked for often. */
  soon(work) {
    this.#due.add(work);
    const wait = Math.max(this.#last + EVERY_MILLISECONDS - performance.now(), 0);
    this.#timer ??= setTimeout(() => this.#next(), wait);
  }

  async #next() {
    const [work] = this.#due;
    this.#due.delete(work);
    this.#last = performance.now();
    await work();
    this.#timer = undefined;
    if (this.#due.size > 0) this.soon([...this.#due][0]);
  }
}
