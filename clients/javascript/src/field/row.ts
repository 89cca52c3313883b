import type { FileItem } from "./item.js";
import { make } from "./make.js";
import { canRetry, reasonOf } from "./reasons.js";
import type { Words } from "./words.js";

// As much of a name's end as tells copies apart, with the suffix.
const TAIL_CHARACTERS = 13;
const SHORT_CHARACTERS = 18;
const SAID_AFTER_SECONDS = 5;

let rows = 0;

/** A file in the list of a field: its name, how it does, what can be done, and what the form posts of it. */
export class Row {
  readonly element: HTMLLIElement;
  /** Of what says the name and the state, for `aria-describedby`. */
  readonly ids: readonly string[];
  readonly #item: FileItem;
  readonly #words: Words;
  readonly #state: HTMLElement;
  readonly #bar: HTMLProgressElement;
  readonly #go: HTMLButtonElement;
  readonly #remove: HTMLButtonElement;
  readonly #posted: HTMLInputElement;
  /** What the first button does now. */
  #action: "pause" | "resume" | "retry" | undefined;

  /** @param onRemove told when somebody removes the file */
  constructor(item: FileItem, words: Words, onRemove: () => void) {
    this.#item = item;
    this.#words = words;
    this.ids = [`ru-${++rows}-name`, `ru-${rows}-state`];
    const [nameId = "", stateId = ""] = this.ids;
    const [head, tail] = splitName(item.name);
    const name = make("span", "ru-name", { id: nameId, dir: "auto", title: item.name });
    name.append(make("span", "ru-head", { textContent: head }));
    if (tail) name.append(make("bdi", "ru-tail", { textContent: tail }));
    this.#state = make("span", "ru-state", { id: stateId });
    this.#bar = make("progress", "ru-bar", { max: 100, value: 0 });
    this.#bar.setAttribute("aria-label", words.say("progress", { name: item.name }));
    this.#go = make("button", "ru-button", { type: "button" });
    this.#go.addEventListener("click", () => this.#act());
    this.#remove = this.#button("remove", make("button", "ru-button", { type: "button" }));
    this.#remove.addEventListener("click", onRemove);
    this.#posted = make("input", "ru-posted", { type: "hidden", autocomplete: "off" });
    const actions = make("span", "ru-actions", {}, this.#go, this.#remove);
    this.element = make("li", "ru-row", {}, make("span", "ru-what", {}, name, this.#state, this.#bar), actions);
    this.update();
  }

  /** What the form posts: named while the upload is finished, and not there before. */
  post(name: string, form: string | null): void {
    const { reference } = this.#item;
    if (reference === undefined) {
      this.#posted.remove();
      return;
    }
    this.#posted.name = name;
    this.#posted.value = reference;
    if (form !== null) this.#posted.setAttribute("form", form);
    if (!this.#posted.isConnected) this.element.append(this.#posted);
  }

  update(): void {
    const { state, percentage = 0 } = this.#item;
    this.element.dataset.state = state;
    const shown = this.#sentence();
    if (this.#state.textContent !== shown) this.#state.textContent = shown;
    this.#bar.hidden = state === "completed" || state === "failed" || this.#item.percentage === undefined;
    this.#bar.value = percentage;
    this.#bar.setAttribute("aria-valuetext", this.#words.percent(percentage));
    this.#action = this.#actionNow();
    this.#go.hidden = this.#action === undefined;
    if (this.#action) this.#button(this.#action, this.#go);
  }

  focus(): void {
    this.#remove.focus();
  }

  #button(action: "pause" | "resume" | "retry" | "remove", button: HTMLButtonElement): HTMLButtonElement {
    button.textContent = this.#words.say(action);
    button.setAttribute("aria-label", this.#words.say(`button.${action}`, { name: this.#item.name }));
    return button;
  }

  #actionNow(): "pause" | "resume" | "retry" | undefined {
    const { state, error, file, reopens, asking } = this.#item;
    if (state === "offered") return reopens && !asking ? "resume" : undefined;
    if (state === "failed") return file && error && canRetry(error) ? "retry" : undefined;
    if (state === "waiting") return "retry";
    if (state === "paused") return "resume";
    return state === "completed" || state === "verifying" || state === "aborted" ? undefined : "pause";
  }

  #act(): void {
    const item = this.#item;
    if (item.state === "offered") void item.reopen();
    else if (this.#action === "pause") item.pause();
    else item.resume();
  }

  #sentence(): string {
    const { state, error, size: bytes, sentBytes, percentage, remainingSeconds, reopens, asking } = this.#item;
    const words = this.#words;
    const size = words.bytes(bytes);
    const values = { size, sent: words.bytesOf(sentBytes, bytes), percentage: words.percent(percentage ?? 0) };
    switch (state) {
      case "offered":
        if (asking) return words.say("offered.asking");
        if (percentage === undefined) return words.say("offered.unasked");
        return words.say(reopens ? "offered.reopens" : "offered", values);
      case "uploading":
        if (remainingSeconds === undefined || remainingSeconds < SAID_AFTER_SECONDS) return words.say(state, values);
        return words.say("uploading.left", { ...values, time: words.duration(remainingSeconds) });
      case "waiting":
        if (error?.code === "not_authenticated") return words.say("waiting.login");
        if (!error || error.code === "network_error" || !navigator.onLine) return words.say("waiting", values);
        return words.say("waiting.server", { ...values, reason: reasonOf(error, words) });
      case "failed":
        return error ? reasonOf(error, words) : "";
      case "completed":
        return words.say("completed.size", { size, verified: words.say("completed") });
      case "aborted":
        return "";
      default:
        return words.say(state, values);
    }
  }
}

/** The part of a name that may be cut, and the end that stays. */
export function splitName(name: string): [string, string] {
  const characters = [...name];
  if (characters.length <= SHORT_CHARACTERS) return [name, ""];
  return [characters.slice(0, -TAIL_CHARACTERS).join(""), characters.slice(-TAIL_CHARACTERS).join("")];
}
