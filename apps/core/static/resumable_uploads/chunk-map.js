// A picture of an upload that is its progress bar too: a segment for each chunk, or for several where more are than fit. What
// a segment says it says by its shape as well as by its colour.
import { nextFrame } from "./frames.js";

const SMALLEST_SEGMENT = 4;
const COLORS = ["--missing", "--sending", "--stored", "--damaged", "--repaired"];
const [MISSING, SENDING, STORED, DAMAGED, REPAIRED] = [0, 1, 2, 3, 4];
// Of several chunks in one segment the rarer news is shown: damage, then sending, then repair.
const PRECEDENCE = [DAMAGED, SENDING, MISSING, REPAIRED, STORED];
/** States in which something is being sent. */
const SENDING_STATES = new Set(["uploading", "verifying"]);

let colors;

/** Read once: asking for them makes the browser compute its styles, at each of a thousand rows. */
function currentColors() {
  if (!colors) {
    const style = getComputedStyle(document.documentElement);
    colors = COLORS.map((name) => style.getPropertyValue(name));
  }
  return colors;
}

const maps = new Map();
// Sizes come with the observation: reading them from the canvas would force a layout.
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) maps.get(target)?.resize(contentRect);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colors = undefined;
  for (const map of maps.values()) map.redraw();
});

export class ChunkMap {
  #canvas;
  #rows;
  #chunks;
  #state = "queued";
  #width = 0;
  #height = 0;

  /** @param rows at most so many; one makes it a bar */
  constructor(canvas, rows = 1) {
    this.#canvas = canvas;
    this.#rows = rows;
    maps.set(canvas, this);
    sizes.observe(canvas);
  }

  /** Show these chunks (see `ChunkState`) of an upload in this state. */
  show(chunks, state) {
    this.#chunks = chunks;
    this.#state = state;
    this.redraw();
  }

  resize({ width, height }) {
    if (width === this.#width && height === this.#height) return;
    this.#width = width;
    this.#height = height;
    this.redraw();
  }

  redraw() {
    nextFrame(this.#draw);
  }

  close() {
    sizes.unobserve(this.#canvas);
    maps.delete(this.#canvas);
  }

  #draw = () => {
    if (this.#width === 0) return;
    const ratio = devicePixelRatio;
    this.#canvas.width = Math.round(this.#width * ratio);
    this.#canvas.height = Math.round(this.#height * ratio);
    const pen = this.#canvas.getContext("2d");
    pen.scale(ratio, ratio);
    if (document.dir === "rtl") {
      pen.translate(this.#width, 0);
      pen.scale(-1, 1);
    }
    const states = shown(this.#chunks, this.#state);
    const { rows, columns, perSegment } = layout(states.length, this.#width, this.#rows);
    const width = this.#width / columns;
    const height = this.#height / rows;
    const gap = width > 2 * SMALLEST_SEGMENT ? 1 : 0.5;
    for (let segment = 0; segment * perSegment < states.length; segment++) {
      const x = (segment % columns) * width;
      const y = Math.floor(segment / columns) * height;
      const state = stateOf(states, segment * perSegment, perSegment);
      drawSegment(pen, state, x, y, width - gap, height - (rows === 1 ? 0 : gap));
    }
  };
}

/** Nothing is being sent by an upload that is queued, paused, offline or over, whatever was before. */
function shown(chunks, state) {
  // An empty file has no chunks, and nothing of it is missing.
  if (chunks?.length === 0) return [STORED];
  if (!chunks) return [state === "completed" ? STORED : MISSING];
  if (SENDING_STATES.has(state)) return chunks;
  return chunks.map((each) => (each === SENDING ? MISSING : each));
}

function drawSegment(pen, state, x, y, width, height) {
  pen.fillStyle = currentColors()[state];
  pen.fillRect(x, y, width, height);
  const middle = height / 3;
  if (state === SENDING) {
    // Half of it is still to come.
    pen.fillStyle = currentColors()[MISSING];
    pen.fillRect(x, y, width, height / 2);
  } else if (state === DAMAGED) {
    // A hole.
    pen.clearRect(x + width / 4, y + middle, width / 2, middle);
  } else if (state === REPAIRED) {
    // A seam.
    pen.clearRect(x, y + middle, width, middle / 2);
  }
}

/** As few rows as hold all chunks in segments that can still be told apart; beyond that several chunks share one. */
export function layout(count, width, mostRows) {
  const widest = Math.max(Math.floor(width / SMALLEST_SEGMENT), 1);
  const rows = Math.min(Math.ceil(count / widest), mostRows);
  const perSegment = Math.ceil(count / (rows * widest));
  return { rows, columns: Math.ceil(count / perSegment / rows), perSegment };
}

function stateOf(states, start, count) {
  if (count === 1) return states[start];
  const part = states.slice(start, start + count);
  return PRECEDENCE.find((state) => part.includes(state));
}

/** How many of the chunks are stored, and how many of those had to be repaired. */
export function counts(chunks = []) {
  let stored = 0;
  let repaired = 0;
  for (const state of chunks) {
    if (state === STORED || state === REPAIRED) stored++;
    if (state === REPAIRED) repaired++;
  }
  return { stored, repaired, total: chunks.length };
}
