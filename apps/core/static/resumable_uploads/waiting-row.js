// The row of an upload that was begun earlier, here or elsewhere, and waits for somebody to give its file again.
import { ago, bytes, percent } from "./format.js";
import { label, newRow, setText, showActions } from "./rows.js";
import { say } from "./texts.js";

export class WaitingRow {
  #upload;
  #state;
  #chooser;
  #onFile;
  /** What is said of it instead, until it is discarded or goes on. */
  #notice;
  /** Whether its file could not be read again, and has to be chosen. */
  #mustChoose = false;
  #isAsking = false;

  /**
   * @param upload of `uploader.unfinished()`, with `inOtherTab` and `discarding`
   * @param actions `reopen(upload)` gives its file without asking for it, if it can; `onFile(upload, source)`;
   *   `onDiscard(upload)`; `onUndo(upload)`
   */
  constructor(upload, { reopen, onFile, onDiscard, onUndo }) {
    this.#upload = upload;
    this.#onFile = onFile;
    this.element = newRow("#waiting-row", upload.filename, upload.metadata.relative_path ?? upload.filename);
    this.element.dataset.uploadId = upload.uploadId;
    this.#state = this.element.querySelector(".state");
    this.#chooser = this.element.querySelector("label");
    const input = this.#chooser.querySelector("input");
    label(input, say("button.choose", { name: upload.filename }), "choose");
    input.addEventListener("change", () => this.#take(input.files[0]));
    this.#on("continue", () => this.#reopen(reopen));
    this.#on("discard", () => onDiscard(upload));
    this.#on("undo", () => onUndo(upload));
    this.update();
  }

  update() {
    const { discarding, inOtherTab } = this.#upload;
    const reopens = this.#upload.reopens && !this.#mustChoose;
    setText(this.#state, this.#sentence());
    this.element.dataset.state = discarding ? "undo" : "waiting";
    this.#chooser.hidden = reopens || discarding || inOtherTab;
    setText(this.#chooser.querySelector("span"), say(this.#mustChoose ? "choose" : "continue"));
    if (discarding) showActions(this.element, ["undo"]);
    else if (inOtherTab) showActions(this.element, []);
    else showActions(this.element, reopens ? ["continue", "discard"] : ["discard"]);
  }

  #sentence() {
    const { discarding, inOtherTab, here, percentage, size, startedAt } = this.#upload;
    if (discarding) return say("discarded");
    const values = { percentage: percent(percentage), size: bytes(size), time: ago(startedAt) };
    if (inOtherTab) return say("waiting.tab", values);
    if (this.#notice) return this.#notice;
    return say(here ? "waiting.here" : "waiting.elsewhere", values);
  }

  /** Without its file it has to be chosen again, which holds up no other. */
  async #reopen(reopen) {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#say("waiting.asking");
    const source = await reopen(this.#upload);
    this.#isAsking = false;
    if (this.#upload.discarding) return;
    if (source) return this.#onFile(this.#upload, source);
    this.#mustChoose = true;
    this.#say("waiting.choose");
    this.#chooser.querySelector("input").focus();
  }

  #say(key, values) {
    this.#notice = say(key, values);
    this.update();
  }

  #take(file) {
    const { size } = this.#upload;
    if (file?.size === size) this.#onFile(this.#upload, { file });
    else if (file) this.#say("waiting.other", { size: bytes(file.size), wanted: bytes(size) });
  }

  #on(action, work) {
    this.element.querySelector(`[data-action=${action}]`).addEventListener("click", work);
  }
}
