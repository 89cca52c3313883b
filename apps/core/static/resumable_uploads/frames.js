// Drawing at most ten times a second, however much happens: often enough for the eye, and the rest is for the files.

const EVERY_MILLISECONDS = 100;
const due = new Set();
let asked = false;
let last = Number.NEGATIVE_INFINITY;

/** Call a function with the next frame that is drawn; once, though it is asked for often. */
export function nextFrame(draw) {
  due.add(draw);
  if (asked) return;
  asked = true;
  const wait = last + EVERY_MILLISECONDS - performance.now();
  if (wait > 0) setTimeout(() => requestAnimationFrame(drawAll), wait);
  else requestAnimationFrame(drawAll);
}

function drawAll() {
  last = performance.now();
  try {
    // With what is asked for meanwhile: a row that is drawn has its map drawn.
    for (const draw of due) {
      due.delete(draw);
      draw();
    }
  } finally {
    asked = false;
  }
}
