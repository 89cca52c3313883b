import type { Reading } from "./reader.js";

/** From the page to the worker. */
export type Request =
  | ({ kind: "open" } & Reading)
  | { kind: "digest"; index: number }
  | { kind: "skip"; index: number }
  | { kind: "hash" };

/** From the worker to the page. */
export type Reply =
  | { kind: "ready" }
  | { kind: "digest"; index: number; digest: string }
  | { kind: "hash"; sha256: string }
  | { kind: "error"; index: number | undefined; code: string };
