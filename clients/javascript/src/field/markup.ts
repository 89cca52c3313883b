import { make } from "./make.js";
import type { Words } from "./words.js";

// Its numbers are no part of a form set's, which are counted anew when a row is removed.
const OWN_ID = /^ru-\d+-/;
let fields = 0;

/** A finished upload as the server renders it. */
export interface KeptUpload {
  reference: string;
  name: string;
  size: number;
  uploadId: string | undefined;
}

/** What the element adds around the file input that the server rendered. */
export class Markup {
  readonly input: HTMLInputElement;
  readonly zone: HTMLElement;
  readonly rows: HTMLUListElement;
  readonly #box: HTMLElement;
  /** Has the field's name while the input has none: whoever renumbers the forms of a form set renames it. */
  readonly #name: HTMLInputElement;
  readonly #choose: HTMLElement;
  readonly #hint: HTMLElement;
  readonly #problem: HTMLElement;
  readonly #line: HTMLElement;
  readonly #lineText: HTMLElement;
  readonly #live: HTMLElement;
  readonly #renaming: MutationObserver;
  readonly #describedBy: string | null;

  /**
   * @param onTakeBack told when somebody does not want the form saved after all
   * @param onRename told when the field has another name
   */
  constructor(input: HTMLInputElement, words: Words, hint: string, onTakeBack: () => void, onRename: () => void) {
    const id = `ru-${++fields}`;
    this.input = input;
    this.#name = make("input", "ru-field-name", { type: "hidden", name: input.name, disabled: true });
    this.rows = make("ul", "ru-rows", { hidden: true });
    // What it says is in the input's label and description.
    this.#choose = make("span", "ru-choose");
    this.#choose.setAttribute("aria-hidden", "true");
    this.#hint = make("span", "ru-hint", { id: `${id}-hint`, textContent: hint });
    this.zone = make("div", "ru-zone", {}, this.#choose, this.#hint);
    this.#problem = make("p", "ru-problem", { id: `${id}-problem`, hidden: true });
    this.#lineText = make("span", "ru-line-text", { id: `${id}-line` });
    const takeBack = make("button", "ru-button", { type: "button", textContent: words.say("save.not.yet") });
    takeBack.addEventListener("click", onTakeBack);
    this.#line = make("p", "ru-line", { hidden: true }, this.#lineText, takeBack);
    this.#live = make("span", "ru-live");
    this.#live.setAttribute("role", "status");
    this.#box = make("div", "ru-box", {}, this.#name, this.rows, this.zone, this.#problem, this.#line, this.#live);
    input.before(this.#box);
    this.zone.append(input);
    this.#describedBy = input.getAttribute("aria-describedby");
    input.removeAttribute("name");
    // What it has is what the rows are; browsers that restore it know nothing of those.
    input.autocomplete = "off";
    this.#renaming = new MutationObserver(onRename);
    this.#renaming.observe(this.#name, { attributeFilter: ["name"] });
  }

  get name(): string {
    return this.#name.name;
  }

  /** The id of what says whether the form can be saved. */
  get lineId(): string {
    return this.#lineText.id;
  }

  /** What is said of the button to choose a file, and whose names and states describe the input. */
  describe(choose: string, rowIds: readonly string[]): void {
    this.#choose.textContent = choose;
    this.rows.hidden = this.rows.childElementCount === 0;
    const ids = [this.#describedBy, this.#hint.id, this.#problem.hidden ? "" : this.#problem.id, ...rowIds];
    this.input.setAttribute("aria-describedby", ids.filter(Boolean).join(" "));
  }

  /** Say why files were not taken; nothing any more without a text. */
  showProblem(text: string): void {
    this.#problem.textContent = text;
    this.#problem.hidden = text === "";
    this.announce(text);
  }

  /** @param takenBack whether somebody may take it back */
  showLine(text: string, takenBack: boolean): void {
    const isNew = text !== "" && this.#lineText.textContent !== text;
    this.#lineText.textContent = text;
    this.#line.hidden = text === "";
    (this.#line.lastElementChild as HTMLElement).hidden = !takenBack;
    if (isNew && takenBack) this.announce(text);
  }

  announce(text: string): void {
    if (text) this.#live.textContent = text;
  }

  /** All as the server rendered it, with what is finished now: nothing is lost if the element comes back. */
  restore(kept: readonly KeptUpload[]): void {
    this.#renaming.disconnect();
    const { input, name } = this;
    input.name = name;
    input.autocomplete = "";
    if (this.#describedBy === null) input.removeAttribute("aria-describedby");
    else input.setAttribute("aria-describedby", this.#describedBy);
    const items = kept.map(({ reference, name: filename, size, uploadId }) => {
      const posted = make("input", "", { type: "hidden", name, value: reference, autocomplete: "off" });
      Object.assign(posted.dataset, { filename, size: String(size), ...(uploadId && { uploadId }) });
      const form = input.getAttribute("form");
      if (form !== null) posted.setAttribute("form", form);
      return make("li", "", {}, posted, filename);
    });
    if (items.length > 0) this.#box.before(make("ul", "ru-kept", {}, ...items));
    this.#box.replaceWith(input);
  }
}

/** What the server rendered of uploads that were finished before the form came back; taken out, for they become rows. */
export function takeKept(element: Element): KeptUpload[] {
  const lists = [...element.querySelectorAll(".ru-kept")];
  const inputs = lists.flatMap((list) => [...list.querySelectorAll<HTMLInputElement>("input[type=hidden]")]);
  for (const list of lists) list.remove();
  return inputs.map(({ value, dataset }) => ({
    reference: value,
    name: dataset.filename ?? "",
    size: Number(dataset.size),
    uploadId: dataset.uploadId,
  }));
}

/** Make a copy of an element that was at work what it was copied for: an empty field. @returns whether it was one */
export function emptyCopy(element: Element): boolean {
  const box = element.querySelector(".ru-box");
  const input = box?.querySelector<HTMLInputElement>("input[type=file]");
  if (!box || !input) return false;
  input.name = box.querySelector<HTMLInputElement>(".ru-field-name")?.name ?? "";
  input.value = "";
  input.autocomplete = "";
  input.setCustomValidity("");
  const ids = (input.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && !OWN_ID.test(id));
  if (ids.length > 0) input.setAttribute("aria-describedby", ids.join(" "));
  else input.removeAttribute("aria-describedby");
  element.querySelector(".ru-current")?.remove();
  box.replaceWith(input);
  return true;
}
