// The row of a file on its way: its chunk map is its progress bar.
import { ChunkMap, counts } from "./chunk-map.js";
import { actionButton, closeDetails, toggleDetails, updateFact } from "./details.js";
import { canRetry, reasonOf } from "./errors.js";
import { bytes, bytesOf, duration, percent } from "./format.js";
import { nextFrame } from "./frames.js";
import { newRow, setText, showActions, showThumbnail } from "./rows.js";
import { say } from "./texts.js";

const ACTIONS = {
  queued: ["pause", "details", "cancel"],
  starting: ["pause", "details", "cancel"],
  uploading: ["pause", "details", "cancel"],
  waiting: ["retry", "pause", "details", "cancel"],
  paused: ["resume", "details", "cancel"],
  verifying: ["details", "cancel"],
  completed: ["details"],
  aborted: ["retry", "dismiss"],
};

export class UploadRow {
  #item;
  #state;
  #map;
  #canvas;
  #panel;
  #wholeMap;
  #drawn;

  constructor(item) {
    this.#item = item;
    this.element = newRow("#upload-row", item.name, item.path);
    this.#state = this.element.querySelector(".state");
    this.#canvas = this.element.querySelector(".map");
    this.#canvas.setAttribute("aria-label", say("progress", { name: item.name }));
    this.#map = new ChunkMap(this.#canvas);
    for (const button of this.element.querySelectorAll("[data-action]")) {
      const { action } = button.dataset;
      button.addEventListener("click", () => (action === "details" ? this.#toggleDetails() : item[action]()));
    }
    showThumbnail(this.element.querySelector(".thumb"), item.file);
    this.#draw();
  }

  /** Something of the item changed. */
  update() {
    nextFrame(this.#draw);
  }

  close() {
    this.#map.close();
    this.#wholeMap?.close();
  }

  #draw = () => {
    const { state, cancelling, error, retryIn } = this.#item;
    const shown = cancelling ? "undo" : state;
    setText(this.#state, this.#sentence());
    this.#describe();
    this.#map.show(this.#item.chunks, cancelling ? "paused" : state);
    this.#drawDetails();
    const key = `${shown} ${error?.code} ${retryIn === undefined}`;
    if (this.#drawn === key) return;
    this.#drawn = key;
    this.element.dataset.state = shown;
    const actions = this.#actions(shown);
    showActions(this.element, actions);
    if (this.#panel && !actions.includes("details")) this.#closeDetails();
  };

  #actions(shown) {
    if (shown === "undo") return ["undo"];
    // By itself it goes on when it can; only a wait between two attempts can be cut short.
    if (shown === "waiting" && this.#item.retryIn === undefined) return ACTIONS.uploading;
    if (shown === "failed") return canRetry(this.#item.error.code) ? ["retry", "dismiss"] : ["dismiss"];
    return ACTIONS[shown];
  }

  #sentence() {
    const { state, file, sentBytes, remainingSeconds, error, retryIn, cancelling } = this.#item;
    const size = bytes(file.size);
    const values = { size, sent: bytesOf(sentBytes, file.size), percentage: percent(this.#percentage) };
    if (cancelling) return say("aborted");
    if (state === "uploading" && remainingSeconds !== undefined && Number.isFinite(remainingSeconds))
      return say("uploading.left", { ...values, time: duration(remainingSeconds) });
    if (state === "failed") return reasonOf(error, file);
    if (state !== "waiting") return say(state, values);
    if (error?.code === "not_authenticated") return say("waiting.login");
    if (retryIn === undefined) return say("offline");
    return say("waiting", { reason: reasonOf(error, file), time: duration(retryIn / 1000) });
  }

  get #percentage() {
    const { file, sentBytes, state } = this.#item;
    if (file.size === 0) return state === "completed" ? 100 : 0;
    return (sentBytes / file.size) * 100;
  }

  /** Its chunks in words. */
  #pieces() {
    const { chunks } = this.#item;
    if (chunks?.length === 0) return say("map.empty");
    const { stored, repaired, total } = counts(chunks);
    return say(repaired ? "map.repaired" : "map.stored", { stored, total, repaired });
  }

  #describe() {
    const text = this.#pieces();
    const now = String(Math.floor(this.#percentage));
    if (this.#canvas.getAttribute("aria-valuetext") !== text) this.#canvas.setAttribute("aria-valuetext", text);
    if (this.#canvas.getAttribute("aria-valuenow") !== now) this.#canvas.setAttribute("aria-valuenow", now);
  }

  #closeDetails() {
    this.#wholeMap.close();
    this.#panel = undefined;
    closeDetails(this.element);
  }

  #toggleDetails() {
    if (this.#panel) return this.#closeDetails();
    this.#panel = toggleDetails(this.element, {
      facts: [
        [say("details.chunks"), ""],
        [say("details.speed"), ""],
      ],
      // Where there is little room the row itself has no button for it.
      actions: [
        actionButton(say("cancel"), say("button.cancel", { name: this.#item.name }), () => {
          this.#item.cancel();
        }),
      ],
    });
    const canvas = this.#panel.querySelector("canvas");
    canvas.hidden = false;
    canvas.setAttribute("aria-label", say("map", { name: this.#item.name }));
    this.#wholeMap = new ChunkMap(canvas, 8);
    this.#drawDetails();
  }

  #drawDetails() {
    if (!this.#panel) return;
    const { chunks, state, bytesPerSecond } = this.#item;
    updateFact(this.#panel, say("details.chunks"), this.#pieces());
    const speed = bytesPerSecond ? say("details.speed.value", { speed: bytes(bytesPerSecond) }) : "–";
    updateFact(this.#panel, say("details.speed"), speed);
    this.#wholeMap.show(chunks, state);
  }
}
