// Asks before a file is deleted, and stays open until the server has done it.

/**
 * Ask, and delete if the answer is yes. Closing the dialog meanwhile gives up waiting.
 *
 * @param remove deletes it, and is given a signal that ends the wait
 * @returns whether it was deleted
 */
export function askToDelete(dialog, name, remove) {
  const at = (selector) => dialog.querySelector(selector);
  const confirm = at("[data-action=delete]");
  const life = new AbortController();
  const { signal } = life;

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
      if (!signal.aborted) dialog.close("deleted");
    } catch (error) {
      if (!signal.aborted) show({ problem: error.message });
    }
  };

  at(".name").textContent = name;
  show();
  dialog.returnValue = "";
  confirm.addEventListener("click", removeAndClose, { signal });
  at("[data-action=cancel]").addEventListener("click", () => dialog.close(), { signal });
  return new Promise((resolve) => {
    const onClose = () => {
      life.abort();
      resolve(dialog.returnValue === "deleted");
    };
    dialog.addEventListener("close", onClose, { signal });
    dialog.showModal();
  });
}
