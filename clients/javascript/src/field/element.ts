import type { Load } from "../load.js";
import { UploadField } from "./field.js";
import { emptyCopy } from "./markup.js";

const TAG = "resumable-upload";
/** Django's, in the form that others of a form set are copied from. */
const TEMPLATE = "__prefix__";

/** Define `<resumable-upload>`, unless an earlier script of the page has. */
export function defineElement(load: Load): void {
  if (customElements.get(TAG)) return;

  class ResumableUploadElement extends HTMLElement {
    #field: UploadField | undefined;
    #awaiting: MutationObserver | undefined;

    connectedCallback(): void {
      if (this.#field) this.#field.moved();
      else this.#begin(emptyCopy(this));
    }

    disconnectedCallback(): void {
      // Whoever moves it elsewhere connects it again before anything else happens.
      queueMicrotask(() => {
        if (this.isConnected) return;
        this.#awaiting?.disconnect();
        this.#field?.end();
        this.#field = undefined;
      });
    }

    /** Whether a file is on its way. */
    get uploading(): boolean {
      return this.#field?.sending ?? false;
    }

    /** What the form posts: one for each finished file. */
    get references(): string[] {
      return this.#field?.references ?? [];
    }

    pause(): void {
      this.#field?.pause();
    }

    resume(): void {
      this.#field?.resume();
    }

    #begin(isCopy: boolean): void {
      this.#awaiting?.disconnect();
      const input = this.querySelector<HTMLInputElement>("input[type=file]");
      if (input?.name && !input.name.includes(TEMPLATE)) {
        this.#field = new UploadField(this, input, load, isCopy);
        return;
      }
      // Its content is still being parsed, or it is a template and gets its name later.
      this.#awaiting = new MutationObserver(() => this.#begin(isCopy));
      this.#awaiting.observe(this, { childList: true, subtree: true, attributeFilter: ["name"] });
    }
  }

  customElements.define(TAG, ResumableUploadElement);
}
