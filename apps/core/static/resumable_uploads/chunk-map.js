// A picture of an upload: a cell for each chunk, or for several where they are more than fit.

const SMALLEST_CELL = 5;
const ROWS = 4;
const COLORS = ["--missing", "--sending", "--stored", "--damaged", "--repaired"];
// Of several chunks in one cell the rarer news is shown: damage, then sending, then repair.
const PRECEDENCE = [3, 1, 0, 4, 2];

export class ChunkMap {
  #canvas;
  #chunks;
  #scheduled = false;

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#schedule()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#schedule());
    this.#describe();
  }

  /** Show these states (see `ChunkState`). */
  show(chunks) {
    this.#chunks = chunks;
    this.#schedule();
  }

  /** For those who do not see it. */
  #describe() {
    const text = inWords(this.#chunks);
    if (this.#canvas.getAttribute("aria-label") !== text) this.#canvas.setAttribute("aria-label", text);
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = devicePixelRatio;
    this.#canvas.width = width * ratio;
    this.#canvas.height = height * ratio;
    const pen = this.#canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(this.#canvas);
    const colors = COLORS.map((name) => style.getPropertyValue(name));
    // An empty file has no chunks, and nothing of it is missing.
    const states = this.#chunks?.length === 0 ? [2] : (this.#chunks ?? [0]);
    const { rows, columns, perCell } = layout(states.length, width);
    const cellWidth = width / columns;
    const cellHeight = height / rows;
    const gap = cellWidth > 3 * SMALLEST_CELL ? 2 : 1;
    for (let cell = 0; cell * perCell < states.length; cell++) {
      pen.fillStyle = colors[stateOf(states, cell * perCell, perCell)];
      const x = (cell % columns) * cellWidth;
      const y = Math.floor(cell / columns) * cellHeight;
      pen.fillRect(x, y, cellWidth - gap, cellHeight - (rows === 1 ? 0 : gap));
    }
    this.#describe();
  }
}

/** As few rows as hold all chunks in cells that can still be told apart; beyond that several chunks share a cell. */
export function layout(count, width) {
  const widest = Math.max(Math.floor(width / SMALLEST_CELL), 1);
  const rows = Math.min(Math.ceil(count / widest), ROWS);
  const perCell = Math.ceil(count / (rows * widest));
  return { rows, columns: Math.ceil(count / perCell / rows), perCell };
}

function inWords(states) {
  if (states?.length === 0) return "An empty file has no chunks";
  const counts = [0, 0, 0, 0, 0];
  for (const state of states ?? []) counts[state]++;
  const [, , stored, , repaired] = counts;
  return `${stored + repaired} of ${states?.length ?? 0} chunks stored${repaired ? `, ${repaired} repaired` : ""}`;
}

function stateOf(states, start, count) {
  if (count === 1) return states[start];
  const part = states.slice(start, start + count);
  return PRECEDENCE.find((state) => part.includes(state));
}
