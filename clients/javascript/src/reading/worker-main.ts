import { UploadError } from "../errors.js";
import { LocalReader } from "./local-reader.js";
import type { Reply, Request } from "./messages.js";

interface WorkerScope {
  onmessage: ((event: MessageEvent<Request>) => void) | null;
  postMessage(message: Reply): void;
}

/** What a hash worker does: reads and hashes for the page that started it, one file in its life. */
export function serve(scope: WorkerScope): void {
  let reader: LocalReader;

  scope.onmessage = ({ data: request }) => {
    switch (request.kind) {
      case "open":
        reader = new LocalReader(request);
        break;
      case "digest":
        answer(request.index, async () => ({
          kind: "digest",
          index: request.index,
          digest: await reader.digest(request.index),
        }));
        break;
      case "skip":
        reader.skip(request.index);
        break;
      case "hash":
        answer(undefined, async () => ({ kind: "hash", sha256: await reader.wholeHash() }));
        break;
    }
  };

  scope.postMessage({ kind: "ready" });

  async function answer(index: number | undefined, work: () => Promise<Reply>): Promise<void> {
    try {
      scope.postMessage(await work());
    } catch (error) {
      const code = error instanceof UploadError ? error.code : "unexpected";
      scope.postMessage({ kind: "error", index, code });
    }
  }
}
