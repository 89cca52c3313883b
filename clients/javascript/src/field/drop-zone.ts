import { canPick, type FileSource, fromDrop, fromPicker } from "./sources.js";

/** A file as the input may have it. */
interface Shown {
  name: string;
  file: File | undefined;
}

/** Where files are dropped and chosen: the input itself covers it, so that mouse, keyboard and screen reader have a real one. */
export class DropZone {
  readonly #zone: HTMLElement;
  readonly #input: HTMLInputElement;
  readonly #accept: string;
  readonly #onFiles: (sources: FileSource[]) => void;
  readonly #life = new AbortController();

  constructor(zone: HTMLElement, input: HTMLInputElement, accept: string, onFiles: (sources: FileSource[]) => void) {
    this.#zone = zone;
    this.#input = input;
    this.#accept = accept;
    this.#onFiles = onFiles;
    const { signal } = this.#life;
    input.addEventListener("change", () => this.#onChange(), { signal });
    if (canPick) input.addEventListener("click", (event) => void this.#pick(event), { signal });
    zone.addEventListener("dragover", (event) => this.#onDragOver(event), { signal });
    for (const end of ["dragleave", "drop"]) zone.addEventListener(end, () => this.#mark(false), { signal });
    zone.addEventListener("drop", (event) => void this.#onDrop(event), { signal });
  }

  /** Let the input have what the rows show: so `required` holds, and those who hear the page are told its name. */
  mirror(shown: readonly Shown[]): void {
    try {
      const transfer = new DataTransfer();
      for (const { name, file } of shown) transfer.items.add(file ?? new File([], name));
      this.#input.files = transfer.files;
    } catch {
      this.#input.value = "";
    }
  }

  end(): void {
    this.#life.abort();
    this.#mark(false);
  }

  #onChange(): void {
    const files = [...(this.#input.files ?? [])];
    if (files.length > 0) this.#onFiles(files.map((file) => ({ file })));
  }

  /** Instead of the input's own dialogue: what is picked so can be read again after a reload. */
  async #pick(event: MouseEvent): Promise<void> {
    event.preventDefault();
    try {
      const sources = await fromPicker(this.#accept, this.#input.multiple);
      if (sources.length > 0) this.#onFiles(sources);
    } catch {
      if (!this.#life.signal.aborted) this.#pickPlainly();
    }
  }

  /** Pages in frames of others may not use the picker. */
  #pickPlainly(): void {
    const again = (event: Event) => event.stopImmediatePropagation();
    this.#zone.addEventListener("click", again, { capture: true, once: true });
    this.#input.click();
  }

  #onDragOver(event: DragEvent): void {
    if (this.#input.disabled || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    this.#mark(true);
  }

  async #onDrop(event: DragEvent): Promise<void> {
    if (this.#input.disabled || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.#onFiles(await fromDrop(event.dataTransfer));
  }

  #mark(dragging: boolean): void {
    this.#zone.classList.toggle("ru-dragging", dragging);
  }
}
