import type { Load } from "../load.js";
import { DropZone } from "./drop-zone.js";
import { FileItem, type ItemParts, type KnownUpload } from "./item.js";
import { askBeforeLeaving } from "./leaving.js";
import { Limits } from "./limits.js";
import { Markup, takeKept } from "./markup.js";
import { FieldMemory } from "./memory.js";
import { type Offer, offersOf, referenceNow } from "./offers.js";
import { type FieldOptions, optionsOf } from "./options.js";
import { reasonOf } from "./reasons.js";
import { Row } from "./row.js";
import type { FileSource } from "./sources.js";
import { type Member, type Saving, SubmitGate } from "./submit-gate.js";
import { type Sender, senderFor } from "./uploaders.js";
import { Words } from "./words.js";

/** The field at work: files come in, rows show them, and the form is told when it may be sent. */
export class UploadField implements Member {
  readonly #element: HTMLElement;
  readonly #options: FieldOptions;
  readonly #words: Words;
  readonly #limits: Limits;
  readonly #markup: Markup;
  readonly #zone: DropZone;
  readonly #sender: Sender;
  readonly #life = new AbortController();
  readonly #rows = new Map<FileItem, Row>();
  #gate: SubmitGate | undefined;

  /** @param isCopy of a field at work, whose uploads are not this one's */
  constructor(element: HTMLElement, input: HTMLInputElement, load: Load, isCopy: boolean) {
    this.#element = element;
    this.#options = optionsOf(element);
    const lang = element.closest<HTMLElement>("[lang]")?.lang;
    this.#words = new Words(this.#options.texts, lang ?? "");
    this.#limits = new Limits(this.#options, this.#words);
    // Before this script was there, or restored by the browser.
    const chosen = [...(input.files ?? [])].map((file) => ({ file }));
    const kept = takeKept(element);
    if (this.#options.required) input.required = true;
    this.#markup = new Markup(
      input,
      this.#words,
      this.#limits.hint(input.multiple),
      () => this.#gate?.takeBack(),
      () => this.#renamed(),
    );
    this.#sender = senderFor(input.form ?? element, this.#options.api, load);
    this.#zone = new DropZone(this.#markup.zone, input, this.#options.accept, (sources) => this.#take(sources));
    const { signal } = this.#life;
    addEventListener("pageshow", (event) => event.persisted && void this.#askAgain(), { signal });
    input.form?.addEventListener("reset", () => this.#clear(), { signal });
    this.#join();
    for (const { reference, name, size, uploadId } of kept) {
      const known = this.#memory()
        .list()
        .find((each) => each.reference === reference);
      this.#add({ reference, name, size, uploadId: uploadId ?? known?.uploadId });
    }
    this.#settle();
    if (chosen.length > 0) this.#take(chosen);
    else if (!isCopy) void this.#offer();
  }

  get sending(): boolean {
    return this.#items.some((item) => item.sending);
  }

  get failed(): boolean {
    return this.#items.some((item) => item.state === "failed");
  }

  get whenSending() {
    return this.#options.whenSending;
  }

  get references(): string[] {
    return this.#items.flatMap(({ reference }) => reference ?? []);
  }

  pause(): void {
    for (const item of this.#items) item.pause();
  }

  resume(): void {
    for (const item of this.#items) if (item.state !== "failed") item.resume();
  }

  showSaving(saving: Saving): { id: string; text: string } {
    const keys = new Map([
      ["waits", "save.waits"],
      ["follows", "save.follows"],
      ["failed", "save.failed"],
    ]);
    const key = keys.get(saving);
    const text = key ? this.#words.say(key) : "";
    this.#markup.showLine(text, saving === "follows");
    return { id: this.#markup.lineId, text };
  }

  sayFailed(): void {
    this.#markup.input.reportValidity();
  }

  submitted(): void {
    this.#memory().removeUnfinished();
  }

  /** The element is elsewhere in the page, perhaps in another form. */
  moved(): void {
    this.#join();
  }

  /** The element is gone. What is on its way stays on the server, and is offered by the next field of this name. */
  end(): void {
    this.#life.abort();
    this.#zone.end();
    const kept = this.#items.flatMap(({ reference, name, size, uploadId }) =>
      reference ? [{ reference, name, size, uploadId }] : [],
    );
    for (const item of this.#items) item.leave();
    this.#gate?.leave(this);
    askBeforeLeaving(this, false);
    this.#markup.input.value = "";
    this.#markup.input.setCustomValidity("");
    this.#markup.restore(kept);
  }

  get #items(): FileItem[] {
    return [...this.#rows.keys()];
  }

  get #multiple(): boolean {
    return this.#markup.input.multiple;
  }

  #memory(): FieldMemory {
    return new FieldMemory(location.pathname, this.#markup.name);
  }

  #join(): void {
    const { form } = this.#markup.input;
    const gate = form ? SubmitGate.of(form) : undefined;
    if (gate === this.#gate) return;
    this.#gate?.leave(this);
    this.#gate = gate;
    gate?.join(this);
  }

  /** Files that somebody has chosen or dropped. */
  #take(sources: FileSource[]): void {
    const several = !this.#multiple && sources.length > 1;
    if (several || sources.length === 0) {
      this.#refuse([this.#words.say(several ? "refused.several" : "refused.folder")]);
      return;
    }
    const refused = sources.map(({ file }) => this.#limits.refusalOf(file));
    this.#refuse(refused.filter((text) => text !== undefined));
    for (const [place, source] of sources.entries()) if (refused[place] === undefined) this.#begin(source);
    this.#settle();
  }

  #refuse(texts: string[]): void {
    this.#markup.showProblem(texts.join(" "));
    this.#settle();
  }

  #begin(source: FileSource): void {
    const { file } = source;
    const isSame = ({ name, size }: FileItem) => name === file.name && size === file.size;
    const offered = this.#items.find((item) => item.state === "offered" && isSame(item));
    if (this.#multiple && this.#items.some((item) => item.file?.lastModified === file.lastModified && isSame(item)))
      return; // It is there already.
    if (!this.#multiple) for (const item of this.#items) if (item !== offered) this.#drop(item);
    this.#uncheckClear();
    const item = offered ?? this.#add({ name: file.name, size: file.size });
    item.start(source);
  }

  /** Take a file out. One that was only offered stays on the server: whoever chose another by mistake can still resume it. */
  #drop(item: FileItem, discard = item.state !== "offered"): void {
    this.#rows.get(item)?.element.remove();
    this.#rows.delete(item);
    if (discard) void item.discard();
    else item.leave();
  }

  #remove(item: FileItem): void {
    const items = this.#items;
    const following = items[items.indexOf(item) + 1];
    const next = following && this.#rows.get(following);
    this.#drop(item, true);
    // The button that had the focus is gone.
    if (next) next.focus();
    else this.#markup.input.focus();
    this.#settle();
    this.#tell("remove", item);
  }

  #clear(): void {
    for (const item of this.#items) this.#drop(item, true);
    this.#markup.showProblem("");
    // The browser empties the input after this event.
    queueMicrotask(() => this.#settle());
  }

  #add(known: KnownUpload): FileItem {
    const parts: ItemParts = {
      sender: this.#sender,
      purpose: this.#options.purpose,
      memory: () => this.#memory(),
      onChange: (changed) => this.#changed(changed),
      onProgress: (changed) => {
        this.#rows.get(changed)?.update();
        this.#tell("progress", changed);
      },
      onNews: (changed) => this.#announce(changed),
    };
    const item = new FileItem(parts, known);
    const row = new Row(item, this.#words, () => this.#remove(item));
    this.#rows.set(item, row);
    this.#markup.rows.append(row.element);
    return item;
  }

  #changed(item: FileItem): void {
    this.#rows.get(item)?.update();
    this.#settle();
  }

  #announce(item: FileItem): void {
    const { name, state, error } = item;
    const words = this.#words;
    const reason = error ? reasonOf(error, words) : "";
    if (state === "completed") {
      this.#markup.announce(words.say("announce.completed", { name }));
      this.#tell("complete", item);
    } else if (state === "failed") {
      this.#markup.announce(words.say("announce.failed", { name, reason }));
      this.#tell("error", item);
    } else this.#markup.announce(words.say("announce.waiting", { name, reason }));
  }

  #tell(what: "progress" | "complete" | "error" | "remove", item: FileItem): void {
    const { name, size, uploadId, reference, sha256, percentage, sentBytes, error } = item;
    const detail = { name, size, uploadId, reference, sha256, percentage, sentBytes, error };
    this.#element.dispatchEvent(new CustomEvent(`resumable-upload:${what}`, { bubbles: true, detail }));
  }

  /** All that follows from the rows: what is posted, what the input has and says, and whether the form may be sent. */
  #settle(): void {
    const { input, name } = this.#markup;
    const form = input.getAttribute("form");
    for (const row of this.#rows.values()) row.post(name, form);
    this.#zone.mirror(this.#items.filter(({ sending, reference }) => sending || reference !== undefined));
    input.setCustomValidity(this.failed ? this.#words.say("invalid.failed") : "");
    const several = this.#multiple ? "choose.several" : "choose.one";
    const choose = this.#rows.size > 0 && !this.#multiple ? "choose.other" : several;
    this.#markup.describe(
      this.#words.say(choose),
      [...this.#rows.values()].flatMap(({ ids }) => ids),
    );
    askBeforeLeaving(
      this,
      this.#items.some((item) => item.running),
    );
    this.#gate?.update();
  }

  /** A new file and "clear" contradict each other. */
  #uncheckClear(): void {
    const clear = this.#element.querySelector<HTMLInputElement>(".ru-current input[type=checkbox]");
    if (clear) clear.checked = false;
  }

  #renamed(): void {
    for (const item of this.#items) item.remember();
    this.#settle();
  }

  /** Offer what was begun before. */
  async #offer(): Promise<void> {
    if (!this.#multiple && this.#rows.size > 0) return;
    const offers = await offersOf(this.#memory(), this.#sender, this.#multiple ? Number.POSITIVE_INFINITY : 1);
    for (const offer of offers) this.#show(offer);
    this.#settle();
  }

  #show({ reopens, ...known }: Offer): void {
    const isThere = this.#items.some(({ uploadId }) => uploadId === known.uploadId);
    if (this.#life.signal.aborted || isThere || (!this.#multiple && this.#rows.size > 0)) {
      known.release?.();
      return;
    }
    const item = this.#add(known);
    item.reopens = reopens;
    // With its present reference: by that it is known again if the form comes back.
    item.remember();
    this.#rows.get(item)?.update();
  }

  /** The page comes from the browser's cache: its form may have been saved meanwhile. */
  async #askAgain(): Promise<void> {
    for (const item of this.#items) {
      if (item.reference === undefined || item.uploadId === undefined) continue;
      const reference = await referenceNow(item.uploadId, this.#sender);
      if (reference === null) {
        this.#memory().remove(item.uploadId);
        this.#drop(item, false);
      } else if (reference !== undefined) {
        item.reference = reference;
        item.remember();
      }
    }
    this.#settle();
  }
}
