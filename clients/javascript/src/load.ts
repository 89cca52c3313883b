export type OnDemand = typeof import("./on-demand.js");

/** Loads what only some uploads need. */
export interface Load {
  fileHash: () => Promise<typeof import("./file-hash.js")>;
  onDemand: () => Promise<OnDemand>;
}
