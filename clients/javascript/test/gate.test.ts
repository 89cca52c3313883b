import assert from "node:assert/strict";
import { test } from "node:test";
import { Gate } from "../src/gate.js";

const never = new AbortController().signal;

test("nothing passes a closed gate until it opens, and what is under way lands", async () => {
  const gate = new Gate();
  await gate.pass(never);
  const { signal } = gate;
  gate.close();
  assert.equal(signal.aborted, false);
  const passed = gate.pass(never).then(() => "passed");
  assert.equal(await Promise.race([passed, Promise.resolve("waits")]), "waits");
  gate.open();
  assert.equal(await passed, "passed");
});

test("who waits at the gate can be aborted", async () => {
  const gate = new Gate();
  gate.close();
  const life = new AbortController();
  const passing = gate.pass(life.signal);
  life.abort();
  await assert.rejects(passing, { code: "aborted" });
});

test("what is under way can be interrupted, and what follows is not", () => {
  const gate = new Gate();
  const { signal } = gate;
  gate.interrupt();
  assert.equal(signal.aborted, true);
  assert.equal(gate.signal.aborted, false);
});
