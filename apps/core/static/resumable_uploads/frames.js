// Drawing once a frame, however much happens in it.

const due = new Set();
let asked = false;

/** Call a function before the next frame is drawn; once, though it is asked for often. */
export function nextFrame(draw) {
  due.add(draw);
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const all = [...due];
    due.clear();
    for (const each of all) each();
  });
}
