/** What is put in for `%(name)s`. */
export type Values = Record<string, string | undefined>;

const UNITS = ["kilobyte", "megabyte", "gigabyte", "terabyte"];

/** The texts that the server gave the element, and numbers as people of their language read them. */
export class Words {
  readonly #texts: Readonly<Record<string, string>>;
  readonly #language: string | undefined;

  /** @param language as in `lang`; the browser's if it is empty or unknown to it */
  constructor(texts: Readonly<Record<string, string>>, language: string) {
    this.#texts = texts;
    this.#language = isLanguage(language) ? language : undefined;
  }

  has(key: string): boolean {
    return key in this.#texts;
  }

  /** A text with its values; its key where the server has none, for a field that is odd to read still works. */
  say(key: string, values: Values = {}): string {
    return (this.#texts[key] ?? key).replace(/%\((\w+)\)s/g, (_, name) => values[name] ?? "");
  }

  /** Decimal units, as file managers show them. */
  bytes(size: number): string {
    if (size < 1000) return this.#unit(size, "byte", 0);
    const power = powerOf(size);
    const value = size / 1000 ** power;
    return this.#unit(value, UNITS[power - 1] as string, digitsOf(value));
  }

  /** A part of a size in the unit of that, which is said once: "114 of 300 MB". */
  bytesOf(part: number, size: number): string {
    const power = powerOf(size);
    const digits = power === 0 ? 0 : digitsOf(size / 1000 ** power);
    return this.#number(part / 1000 ** power, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  }

  /** Rounded down: 100% is said when everything is there. */
  percent(percentage: number): string {
    return this.#number(Math.floor(percentage) / 100, { style: "percent" });
  }

  /** In the largest unit that it fills. */
  duration(seconds: number): string {
    if (seconds < 60) return this.#unit(Math.max(Math.round(seconds), 1), "second", 0);
    if (seconds < 3600) return this.#unit(Math.round(seconds / 60), "minute", 0);
    return this.#unit(seconds / 3600, "hour", seconds < 36_000 ? 1 : 0);
  }

  list(words: string[]): string {
    return new Intl.ListFormat(this.#language, { type: "unit" }).format(words);
  }

  #unit(value: number, unit: string, digits: number): string {
    return this.#number(value, {
      style: "unit",
      unit,
      unitDisplay: "short",
      minimumFractionDigits: 0,
      maximumFractionDigits: digits,
    });
  }

  #number(value: number, options: Intl.NumberFormatOptions): string {
    return new Intl.NumberFormat(this.#language, options).format(value);
  }
}

function isLanguage(language: string): boolean {
  try {
    return language !== "" && Intl.NumberFormat.supportedLocalesOf(language).length > 0;
  } catch {
    return false;
  }
}

function powerOf(size: number): number {
  return Math.min(Math.floor(Math.log10(Math.max(size, 1)) / 3), UNITS.length);
}

function digitsOf(value: number): number {
  return value < 100 ? 1 : 0;
}
