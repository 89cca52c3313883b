import assert from "node:assert/strict";
import { test } from "node:test";
import type { InitFields, SessionDocument } from "../src/api.js";
import { Attempts } from "../src/attempts.js";
import { UploadError } from "../src/errors.js";
import { fingerprintOf } from "../src/fingerprint.js";
import { cancelUpload } from "../src/managing.js";
import { settingsOf, type UploadOptions } from "../src/options.js";
import { SessionOpener } from "../src/session.js";
import { Slots } from "../src/slots.js";
import { MemoryStorage } from "../src/storage.js";
import type { Shared } from "../src/upload.js";

const { signal } = new AbortController();

/** A server of sessions that have a key and a name, and nothing else. */
class Server {
  readonly inits: InitFields[] = [];
  readonly #sessions: (InitFields & { upload_id: string })[] = [];

  opener(options: UploadOptions = {}, { name = "a.bin", storage = new MemoryStorage() } = {}): SessionOpener {
    // More than goes in one request.
    const file = new File([new Uint8Array(2 ** 20 + 1)], name, { lastModified: 1 });
    const shared = { api: this, settings: { storage }, line: { chunkSizeFor: () => 7 }, requests: new Slots(1) };
    const fingerprint = fingerprintOf(file, this.url, options);
    return new SessionOpener(shared as unknown as Shared, file, fingerprint, options);
  }

  readonly url = "http://127.0.0.1/api/";

  async init(fields: InitFields): Promise<SessionDocument> {
    this.inits.push(fields);
    let session = this.#sessions.find(({ client_key }) => client_key === fields.client_key);
    if (session && session.filename !== fields.filename) throw new UploadError("client_key_conflict", { status: 409 });
    if (!session) {
      session = { ...fields, upload_id: `id-${this.inits.length}` };
      this.#sessions.push(session);
    }
    return this.#document(session);
  }

  async status(uploadId: string): Promise<SessionDocument> {
    const session = this.#sessions.find(({ upload_id }) => upload_id === uploadId);
    if (!session) throw new UploadError("not_found", { status: 404 });
    return this.#document(session);
  }

  /** Takes its time, as over a bad line. */
  async cancel(uploadId: string): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    this.#sessions.splice(
      this.#sessions.findIndex(({ upload_id }) => upload_id === uploadId),
      1,
    );
  }

  #document(session: InitFields & { upload_id: string }): SessionDocument {
    return { ...session, status: "active", created_at: "2026-01-01T00:00:00Z" } as unknown as SessionDocument;
  }
}

test("a session whose id was never heard is found again by its key, also from another browser", async () => {
  const server = new Server();
  const first = await server.opener().open(signal);
  const second = await server.opener().open(signal);
  assert.equal(second.upload_id, first.upload_id);
});

test("a file that is opened while its session is being cancelled gets another one", async () => {
  const server = new Server();
  const storage = new MemoryStorage();
  const first = await server.opener({}, { storage }).open(signal);
  const settings = settingsOf({ apiUrl: server.url, storage }, {} as never);
  const shared = { api: server, settings, attempts: () => new Attempts(settings, new Slots(1), 0) };
  const fingerprint = server.inits[0]?.client_key ?? "";
  const cancelling = cancelUpload(shared as unknown as Shared, fingerprint, first.upload_id, false);
  const second = await server.opener({}, { storage }).open(signal);
  await cancelling;
  assert.notEqual(second.upload_id, first.upload_id);
  assert.equal((await server.status(second.upload_id)).upload_id, second.upload_id);
});

test("another name, other metadata and another file are other uploads", async () => {
  const server = new Server();
  const openers = [
    server.opener(),
    server.opener({ filename: "b.bin" }),
    server.opener({ metadata: { ticket: 1 } }),
    server.opener({ metadata: { ticket: 2 } }),
    server.opener({}, { name: "c.bin" }),
  ];
  const sessions = await Promise.all(openers.map((opener) => opener.open(signal)));
  assert.equal(new Set(sessions.map(({ upload_id }) => upload_id)).size, 5);
});

test("a file that begins anew is not given the session under its key, and repeats its init under one key", async () => {
  const server = new Server();
  const opener = server.opener();
  const first = await opener.open(signal);
  assert.equal(opener.mayHaveOtherBytes, true);
  opener.beginAnew();
  const second = await opener.open(signal);
  assert.notEqual(second.upload_id, first.upload_id);
  assert.equal(opener.mayHaveOtherBytes, false);
  assert.equal((await opener.open(signal)).upload_id, second.upload_id);
});

test("after it began anew, it is the new session that is resumed", async () => {
  const server = new Server();
  const storage = new MemoryStorage();
  const opener = server.opener({}, { storage });
  const first = await opener.open(signal);
  opener.beginAnew();
  const second = await opener.open(signal);
  await opener.forget(first.upload_id);
  assert.equal((await server.opener({}, { storage }).open(signal)).upload_id, second.upload_id);
});

test("what a file is for is said at the beginning", async () => {
  const server = new Server();
  await server.opener({ purpose: "library.video.file:token" }).open(signal);
  assert.equal(server.inits[0]?.purpose, "library.video.file:token");
});

test("resume: false begins anew", async () => {
  const server = new Server();
  const first = await server.opener().open(signal);
  const second = await server.opener({ resume: false }).open(signal);
  assert.notEqual(second.upload_id, first.upload_id);
});

test("a key that another file has is given up for one that nothing has", async () => {
  const server = new Server();
  const other = new Server();
  await other.opener().open(signal);
  await server.init({ ...(other.inits[0] as InitFields), filename: "theirs.bin" });
  const session = await server.opener().open(signal);
  assert.equal(session.filename, "a.bin");
});

test("the chunk size is what fits the line, unless the application wishes for another", async () => {
  const server = new Server();
  await server.opener().open(signal);
  await server.opener({ chunkSize: 9, resume: false }).open(signal);
  assert.deepEqual(
    server.inits.map(({ chunk_size }) => chunk_size),
    [7, 9],
  );
});
