import { ChunkMap } from "./chunk-map.js";
import { bytes, duration, pace, suffix } from "./format.js";

const LARGEST_THUMBNAIL = 30e6;
const BUTTONS = {
  queued: ["pause", "cancel"],
  starting: ["pause", "cancel"],
  uploading: ["pause", "cancel"],
  waiting: ["retry", "pause", "cancel"],
  paused: ["resume", "cancel"],
  verifying: ["cancel"],
  completed: ["remove"],
  failed: ["retry", "remove"],
  aborted: ["retry", "remove"],
};

/** One file's card: shows its upload and lets it be steered. Tells its page through `onChange`. */
export class UploadCard {
  #uploader;
  #options;
  #onChange;
  #parts;
  #map;
  #upload;
  #percentage = 0;
  #speed = { bytesPerSecond: 0 };
  #details = {};
  #spoken;

  constructor(uploader, file, options, onChange) {
    this.#uploader = uploader;
    this.#options = options;
    this.#onChange = onChange;
    this.file = file;
    this.element = document.querySelector("#card").content.firstElementChild.cloneNode(true);
    this.#parts = {
      name: this.element.querySelector(".name"),
      state: this.element.querySelector(".state"),
      progress: this.element.querySelector("progress"),
    };
    this.#parts.name.textContent = options.relativePath ?? file.name;
    this.#parts.name.title = this.#parts.name.textContent;
    this.#parts.progress.setAttribute("aria-label", `Progress of ${file.name}`);
    this.#map = new ChunkMap(this.element.querySelector(".map"));
    for (const button of this.element.querySelectorAll("button")) {
      button.setAttribute("aria-label", `${button.textContent} ${file.name}`);
      button.addEventListener("click", () => this[button.dataset.action]());
    }
    showThumbnail(this.element.querySelector(".thumb"), file);
    this.#start();
  }

  get state() {
    return this.#upload.state;
  }

  get ended() {
    return ["completed", "failed", "aborted"].includes(this.state);
  }

  get sentBytes() {
    return (this.file.size * this.#percentage) / 100;
  }

  get bytesPerSecond() {
    return this.#speed.bytesPerSecond;
  }

  get uploadId() {
    return this.#upload.uploadId;
  }

  pause() {
    this.#upload.pause();
  }

  resume() {
    this.#upload.resume();
  }

  cancel() {
    this.#upload.abort({ cancel: true }).catch(() => {
      // The server cannot be reached: it forgets the upload by itself, in a day.
    });
  }

  retry() {
    if (this.ended) this.#start();
    else this.#upload.resume();
    this.element.querySelector("button:not([hidden])").focus();
  }

  remove() {
    this.element.remove();
    this.#onChange(this, "removed");
  }

  #start() {
    const { relativePath, uploadId } = this.#options;
    this.#percentage = 0;
    this.#upload = this.#uploader.uploadFile(this.file, {
      ...(uploadId && { uploadId }),
      ...(relativePath && { metadata: { relative_path: relativePath } }),
      onProgress: (percentage) => {
        this.#percentage = percentage;
        this.#parts.progress.value = percentage;
        this.#showState();
        this.#onChange(this);
      },
      onSpeed: (speed) => {
        this.#speed = speed;
        this.#showState();
        this.#onChange(this);
      },
      onChunk: () => this.#map.show(this.#upload.chunks),
      onStateChange: (state, details) => {
        this.#details = details;
        this.#map.show(this.#upload.chunks);
        this.#showState();
        this.#onChange(this, state);
      },
      onError: () => {},
    });
    this.#details = {};
    this.#map.show(undefined);
    this.#showState();
  }

  #showState() {
    const { state } = this;
    this.#parts.state.textContent = this.#sentence();
    if (this.#spoken === state) return;
    this.#spoken = state;
    this.element.dataset.state = state;
    const focused = this.element.contains(document.activeElement);
    for (const button of this.element.querySelectorAll("button")) {
      button.hidden = !BUTTONS[state].includes(button.dataset.action);
    }
    // A button that vanishes takes the keyboard's place on the page with it.
    if (focused) this.element.querySelector("button:not([hidden])")?.focus();
  }

  #sentence() {
    const size = bytes(this.file.size);
    const sent = `${bytes(this.sentBytes)} of ${size}`;
    const { error, retryIn } = this.#details;
    switch (this.state) {
      case "queued":
        return `${size} · waiting for its turn`;
      case "starting":
        return `${size} · starting`;
      case "uploading":
        return [sent, pace(this.#speed.bytesPerSecond, this.#speed.remainingSeconds)].filter(Boolean).join(" · ");
      case "waiting":
        if (retryIn === undefined) return `${sent} · offline, resumes by itself`;
        return `${sent} · ${error.message} Trying again in ${duration(Math.max(retryIn / 1000, 1))}.`;
      case "paused":
        return `${sent} · paused`;
      case "verifying":
        return `${size} · verifying every byte`;
      case "completed":
        return `${size} · stored and verified`;
      case "aborted":
        return `${size} · cancelled`;
      default:
        return error?.message ?? "Failed.";
    }
  }
}

function showThumbnail(element, file) {
  if (!/^image\/(avif|bmp|gif|jpeg|png|webp)$/.test(file.type) || file.size > LARGEST_THUMBNAIL) {
    element.textContent = suffix(file.name);
    return;
  }
  const image = new Image();
  image.alt = "";
  image.src = URL.createObjectURL(file);
  image
    .decode()
    .then(
      () => element.replaceChildren(image),
      () => element.replaceChildren(suffix(file.name)),
    )
    .finally(() => URL.revokeObjectURL(image.src));
}
