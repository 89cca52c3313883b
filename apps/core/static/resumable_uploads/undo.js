// What would be gone for good happens some seconds later, so that it can be undone; when the page is left, at once.

const UNDO_MILLISECONDS = 6000;
const pending = new Set();

/**
 * @param commit does it, when the time is over
 * @param leave does it while the page goes away: only requests that outlive it count
 * @returns a function that takes it back
 */
export function undoable(commit, leave) {
  const action = { leave };
  const timer = setTimeout(() => {
    pending.delete(action);
    commit();
  }, UNDO_MILLISECONDS);
  action.end = () => {
    clearTimeout(timer);
    pending.delete(action);
  };
  pending.add(action);
  return action.end;
}

let hasLeft = false;

addEventListener("pagehide", () => {
  for (const action of pending) {
    action.end();
    action.leave();
    hasLeft = true;
  }
});
// A page that comes back as it was shows what is gone.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted && hasLeft) location.reload();
});
