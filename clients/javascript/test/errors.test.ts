import assert from "node:assert/strict";
import { test } from "node:test";
import { errorOf, parseRetryAfter, UploadError } from "../src/errors.js";

/** The error of an answer. */
function refused(status: number, text: string): UploadError {
  const error = errorOf({ status, text, header: () => null });
  assert.ok(error);
  return error;
}

test("a problem document becomes an error with its code, detail and status", () => {
  const error = refused(409, JSON.stringify({ code: "missing_chunks", detail: "2 of 7.", missing_chunks: [3, 5] }));
  assert.equal(error.code, "missing_chunks");
  assert.equal(error.status, 409);
  assert.equal(error.detail, "2 of 7.");
  assert.deepEqual(error.problem?.missing_chunks, [3, 5]);
  assert.equal(error.retryable, false);
});

test("a proxy's page is told from the server's answer", () => {
  assert.equal(refused(413, "<html>").code, "proxy_limit");
  assert.equal(refused(0, "").code, "network_error");
  assert.equal(refused(404, "<html>").code, "not_an_upload_server");
  assert.equal(refused(502, "<html>").retryable, true);
  assert.equal(refused(400, "<html>").retryable, false);
});

test("what may pass is retryable, what is final is not", () => {
  for (const code of ["network_error", "stalled", "throttled", "checksum_mismatch", "storage_full"]) {
    assert.equal(new UploadError(code).retryable, true, code);
  }
  for (const code of ["proxy_limit", "hash_mismatch", "aborted", "quota_exceeded", "not_authenticated"]) {
    assert.equal(new UploadError(code).retryable, false, code);
  }
});

test("the message is a sentence, also for codes that are new to this client", () => {
  assert.equal(new UploadError("stalled").message, "The connection stands still.");
  assert.equal(new UploadError("unexpected").message, "Something went wrong.");
  const problem = { code: "virus_found", detail: "The scanner found EICAR.", status: 422 };
  assert.equal(new UploadError("virus_found", { status: 422, problem }).message, "The scanner found EICAR.");
  const limit = { code: "too_large", detail: "Files may have at most 7 bytes.", status: 413 };
  assert.equal(
    new UploadError("too_large", { status: 413, problem: limit }).message,
    "Files may have at most 7 bytes.",
  );
});

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(parseRetryAfter("7"), 7);
  assert.equal(parseRetryAfter("Thu, 01 Jan 2026 00:01:00 GMT", now), 60);
  assert.equal(parseRetryAfter("Wed, 31 Dec 2025 00:00:00 GMT", now), 0);
  assert.equal(parseRetryAfter("soon"), undefined);
  assert.equal(parseRetryAfter(null), undefined);
});

test("an answer of 2xx is no error", () => {
  assert.equal(errorOf({ status: 204, text: "", header: () => null }), undefined);
});

test("sentences can be translated, also those of codes that only the server has words for", () => {
  const { stalled } = UploadError.messages;
  try {
    Object.assign(UploadError.messages, { stalled: "Die Verbindung steht.", virus_found: "Ein Virus." });
    assert.equal(new UploadError("stalled").message, "Die Verbindung steht.");
    assert.equal(new UploadError("virus_found", { status: 422 }).message, "Ein Virus.");
  } finally {
    Object.assign(UploadError.messages, { stalled });
    delete UploadError.messages.virus_found;
  }
});
