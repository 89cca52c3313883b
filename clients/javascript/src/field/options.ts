import type { WhenSending } from "./submit-gate.js";

/** What the server says of a field, in its element's `data-` attributes. */
export interface FieldOptions {
  api: string;
  /** The field's token. */
  purpose: string;
  /** Bytes. */
  maxSize: number | undefined;
  accept: string;
  allowEmpty: boolean;
  /** Whether it is, once the files that came with it are taken out. */
  required: boolean;
  whenSending: WhenSending;
  texts: Record<string, string>;
}

export function optionsOf({ dataset }: HTMLElement): FieldOptions {
  return {
    api: dataset.api ?? "",
    purpose: dataset.purpose ?? "",
    maxSize: dataset.maxSize ? Number(dataset.maxSize) : undefined,
    accept: dataset.accept ?? "",
    allowEmpty: dataset.allowEmpty !== undefined,
    required: dataset.required !== undefined,
    whenSending: dataset.whenSending === "save" ? "save" : "wait",
    texts: JSON.parse(dataset.texts || "{}"),
  };
}
