import { acceptedKinds, accepts } from "./accept.js";
import type { FieldOptions } from "./options.js";
import type { Words } from "./words.js";

/** What a field takes, in words, and why it does not take a file: said before anything is sent. */
export class Limits {
  readonly #accept: string;
  readonly #maxSize: number | undefined;
  readonly #allowEmpty: boolean;
  readonly #words: Words;

  constructor({ accept, maxSize, allowEmpty }: Pick<FieldOptions, "accept" | "maxSize" | "allowEmpty">, words: Words) {
    this.#accept = accept;
    this.#maxSize = maxSize;
    this.#allowEmpty = allowEmpty;
    this.#words = words;
  }

  /** What stands beside the button. */
  hint(multiple: boolean): string {
    const words = this.#words;
    const parts = [words.say(multiple ? "drop.several" : "drop.one")];
    if (this.#maxSize !== undefined) parts.push(words.say("up.to", { size: words.bytes(this.#maxSize) }));
    if (this.#accept.trim()) parts.push(this.#kinds());
    return parts.join(" · ");
  }

  /** Undefined if the file is taken. */
  refusalOf(file: File): string | undefined {
    const words = this.#words;
    const { name, size } = file;
    if (!accepts(this.#accept, file)) return words.say("refused.type", { name, kinds: this.#kinds() });
    if (size === 0 && !this.#allowEmpty) return words.say("refused.empty", { name });
    if (this.#maxSize === undefined || size <= this.#maxSize) return undefined;
    return words.say("refused.size", { name, size: words.bytes(size), limit: words.bytes(this.#maxSize) });
  }

  #kinds(): string {
    const words = this.#words;
    const wordOf = (kind: string) => (words.has(`kind.${kind}`) ? words.say(`kind.${kind}`) : undefined);
    return words.list(acceptedKinds(this.#accept, wordOf));
  }
}
