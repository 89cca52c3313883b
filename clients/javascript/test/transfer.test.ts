import assert from "node:assert/strict";
import { test } from "node:test";
import type { SessionDocument, UploadApi } from "../src/api.js";
import { Attempts } from "../src/attempts.js";
import { UploadError } from "../src/errors.js";
import { Line } from "../src/line.js";
import type { Load } from "../src/load.js";
import { settingsOf } from "../src/options.js";
import { Slots } from "../src/slots.js";
import { Transfer } from "../src/transfer.js";

const file = new File(["aabbccd"], "a.bin");
const missing_chunks = [0, 1, 2, 3];
const progress = { received_chunks: 0, missing_chunks };
const session = { upload_id: "id", status: "active", chunk_size: 2, progress } as unknown as SessionDocument;
const done = { status: "completed" } as unknown as SessionDocument;

/** A transfer over one connection, to a server of which each method may be replaced. */
function transfer(server: Partial<UploadApi>, of = session) {
  const sent: number[] = [];
  const api = {
    putChunk: async () => ({ progress }),
    status: async () => session,
    complete: async () => done,
    ...server,
  };
  const memory = { getItem: () => null, setItem: () => {} };
  const attempts = new Attempts(
    settingsOf({ apiUrl: "/", retryDelays: Array(20).fill(0) }, {} as Load),
    new Slots(1),
    file.size,
    { onQueue: () => {}, onWait: () => {}, onGo: () => {} },
  );
  const subject = new Transfer({
    file,
    session: of,
    api: {
      ...api,
      putChunk: (_: string, index: number, ...rest: unknown[]) => {
        sent.push(index);
        return (api.putChunk as (...all: unknown[]) => unknown)(_, index, ...rest);
      },
    } as unknown as UploadApi,
    attempts,
    line: new Line("http://a/", () => memory),
    load: { onDemand: () => import("../src/on-demand.js") } as unknown as Load,
    requests: new Slots(1),
    parallel: 1,
    fileHash: undefined,
    onChunk: () => {},
    onBytes: () => {},
    onVerifying: () => {},
    onUploading: () => {},
  });
  return { subject, sent, attempts };
}

const broken = async () => {
  throw new UploadError("network_error");
};

test("each chunk is sent, and the whole proven by their digests", async () => {
  const { subject, sent } = transfer({});
  assert.equal(await subject.run(), done);
  assert.deepEqual(sent, [0, 1, 2, 3]);
  assert.match(subject.proof.composite_hash ?? "", /^[0-9a-f]{64}-4$/);
  subject.close();
});

test("a chunk that breaks three times while the server answers meets a limit on the way", async () => {
  const { subject, sent } = transfer({ putChunk: broken });
  await assert.rejects(subject.run(), { code: "proxy_limit" });
  assert.deepEqual(sent, [0, 0, 0]);
  subject.close();
});

test("while the server does not answer, it is only an outage", async () => {
  let left = 9;
  const during = async <T>(answer: T): Promise<T> => (left-- > 0 ? broken() : answer) as Promise<T>;
  const { subject } = transfer({
    putChunk: () => during({ progress }),
    status: () => during(session),
  } as unknown as Partial<UploadApi>);
  assert.equal(await subject.run(), done);
  subject.close();
});

test("a chunk under suspicion may be sent by whoever is next", async () => {
  let asked: () => void = () => {};
  const asking = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const { subject, attempts } = transfer({
    putChunk: broken,
    status: () => {
      asked();
      return new Promise(() => {});
    },
  });
  const running = subject.run().catch(() => {});
  await asking;
  assert.equal(subject.chunks[0], 0);
  attempts.abort();
  subject.close();
  await Promise.race([running, Promise.resolve()]);
});

test("what a session that was given up had of another file is not said of the next one", async () => {
  let asked: (answer: (error: Error) => void) => void = () => {};
  const asking = new Promise<(error: Error) => void>((resolve) => {
    asked = resolve;
  });
  const begun = { ...session, progress: { ...progress, received_chunks: 1, missing_chunks: [1, 2, 3] } };
  const json = () => new Promise<never>((_, reject) => asked(reject));
  const { subject, attempts } = transfer({ json }, begun as SessionDocument);
  subject.run().catch(() => {});
  const answer = await asking;
  subject.close();
  answer(new UploadError("other_version"));
  await new Promise(setImmediate);
  try {
    attempts.throwIfOver();
  } catch (error) {
    assert.notEqual((error as UploadError).code, "other_version");
  }
  attempts.abort();
});
