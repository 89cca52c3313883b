// Asks before a file is deleted, and stays open until the server has done it.

// "close" is told later, when the dialog may be open again with another question: it ends no question that is not over.
let giveUp = () => {};

/**
 * Ask, and delete if the answer is yes. Closing the dialog meanwhile gives up waiting.
 *
 * @param remove deletes it, and is given a signal that ends the wait
 * @returns whether it was deleted
 */
export function askToDelete(dialog, name, remove) {
  giveUp();
  const at = (selector) => dialog.querySelector(selector);
  const confirm = at("[data-action=delete]");
  const life = new AbortController();
  const { signal } = life;
  let settle;
  const answer = new Promise((resolve) => {
    settle = resolve;
  });
  const end = (deleted) => {
    if (signal.aborted) return;
    life.abort();
    dialog.close();
    settle(deleted);
  };

  const show = ({ busy = false, problem = "" } = {}) => {
    confirm.disabled = busy;
    confirm.textContent = busy ? "Deleting …" : "Delete";
    at(".problem").textContent = problem;
  };
  const removeAndClose = async () => {
    show({ busy: true });
    // What is disabled loses the keyboard's place.
    at("[data-action=cancel]").focus();
    try {
      await remove(signal);
      end(true);
    } catch (error) {
      if (!signal.aborted) show({ problem: error.message });
    }
  };

  at(".name").textContent = name;
  show();
  confirm.addEventListener("click", removeAndClose, { signal });
  at("[data-action=cancel]").addEventListener("click", () => end(false), { signal });
  const onClose = () => {
    if (!dialog.open) end(false);
  };
  dialog.addEventListener("close", onClose, { signal });
  dialog.showModal();
  giveUp = () => end(false);
  return answer;
}
