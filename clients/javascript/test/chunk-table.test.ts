import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkState, ChunkTable } from "../src/chunk-table.js";

function takeAll(table: ChunkTable): number[] {
  const taken: number[] = [];
  for (let index = table.take(); index !== undefined; index = table.take()) taken.push(index);
  return taken;
}

test("the last chunk is shorter, and stored bytes count what the server has", () => {
  const table = new ChunkTable(10, 4, [1]);
  assert.equal(table.length, 3);
  assert.equal(table.sizeOf(2), 2);
  assert.equal(table.storedBytes, 6);
  table.store(1);
  assert.equal(table.storedBytes, 10);
  table.store(1);
  assert.equal(table.storedBytes, 10);
});

test("only missing chunks are taken, each once and in order", () => {
  assert.deepEqual(takeAll(new ChunkTable(24, 4, [1, 3, 4])), [1, 3, 4]);
});

test("scattered, all missing chunks are taken once, from anywhere on", () => {
  const firsts = Array.from({ length: 20 }, () => {
    const table = new ChunkTable(400, 4, Array(100).keys());
    table.scatter();
    const taken = takeAll(table);
    assert.equal(new Set(taken).size, 100);
    return taken[0];
  });
  assert.ok(new Set(firsts).size > 5, String(firsts));
});

test("what the server lost is taken again, and shown as damaged and then as repaired", () => {
  const changes: [number, ChunkState][] = [];
  const table = new ChunkTable(12, 4, [], (index, state) => changes.push([index, state]));
  table.update([1]);
  assert.equal(table.storedBytes, 8);
  assert.equal(table.take(), 1);
  table.store(1);
  assert.deepEqual(
    changes.map(([, state]) => state),
    [ChunkState.Damaged, ChunkState.Sending, ChunkState.Repaired],
  );
  assert.equal(table.storedBytes, 12);
});

test("a chunk that was given back is missing, and taken again", () => {
  const table = new ChunkTable(8, 4, [0, 1]);
  assert.deepEqual([table.take(), table.take(), table.hasMissing], [0, 1, false]);
  table.giveBack(0);
  assert.equal(table.states[0], ChunkState.Missing);
  assert.equal(table.hasMissing, true);
  assert.deepEqual([table.take(), table.take()], [0, undefined]);
});

test("a chunk that was given back and that somebody else sent is not taken", () => {
  const table = new ChunkTable(8, 4, [0, 1]);
  table.take();
  table.giveBack(0);
  table.store(0);
  assert.deepEqual(takeAll(table), [1]);
  assert.equal(table.hasMissing, false, "once nothing was left to take");
});

test("a chunk refused for its checksum counts as repaired once it is stored", () => {
  const table = new ChunkTable(4, 4, [0]);
  table.take();
  table.resend(0);
  assert.equal(table.hasMissing, true);
  assert.equal(table.take(), 0);
  table.store(0);
  assert.equal(table.states[0], ChunkState.Repaired);
});

test("chunks that somebody else sent are stored by an update, and not taken", () => {
  const table = new ChunkTable(12, 4, [0, 1, 2]);
  table.update([2]);
  assert.deepEqual(takeAll(table), [2]);
});

test("chunks that another tab sends are left to it, until no others are left", () => {
  const table = new ChunkTable(16, 4, [0, 1, 2, 3]);
  table.leave(0);
  table.leave(2);
  assert.deepEqual(takeAll(table), [1, 3, 0, 2]);
});
