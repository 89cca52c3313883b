import assert from "node:assert/strict";
import { test } from "node:test";
import { Progress, type Speed } from "../src/progress.js";

function watched(total: number) {
  const percentages: number[] = [];
  const speeds: Speed[] = [];
  const clock = { now: 0 };
  const progress = new Progress(
    total,
    (percentage) => percentages.push(percentage),
    (speed) => speeds.push(speed),
    () => clock.now,
  );
  return { progress, percentages, speeds, clock };
}

test("the percentage never falls, though bytes in flight are lost", () => {
  const { progress, percentages } = watched(1000);
  for (const bytes of [0, 400, 200, 300, 401, 1000]) progress.update(bytes);
  assert.deepEqual(percentages, [0, 40, 40.1, 100]);
});

test("nothing of an empty file is left to send", () => {
  const { progress, percentages } = watched(0);
  progress.update(0);
  assert.deepEqual(percentages, [100]);
});

test("the percentage is told in tenths, not for every byte", () => {
  const { progress, percentages } = watched(100_000);
  for (let bytes = 0; bytes <= 100_000; bytes++) progress.update(bytes);
  assert.equal(percentages.length, 1001);
});

test("speed and remaining time are those of the last ten seconds", () => {
  const { progress, speeds, clock } = watched(100_000);
  for (let second = 0; second <= 30; second++) {
    clock.now = second * 1000;
    progress.update(second <= 15 ? second * 100 : 1500 + (second - 15) * 1000);
  }
  assert.equal(Math.round(speeds.at(-1)?.bytesPerSecond ?? 0), 1000);
  assert.equal(Math.round(speeds.at(-1)?.remainingSeconds ?? 0), 84);
});

test("a pause says nothing about the speed", () => {
  const { progress, speeds, clock } = watched(10_000);
  progress.update(0);
  clock.now = 1000;
  progress.update(1000);
  progress.pause();
  assert.deepEqual(speeds.at(-1), { bytesPerSecond: 0, remainingSeconds: undefined });
  clock.now = 601_000;
  progress.update(1000);
  clock.now = 602_000;
  progress.update(2000);
  assert.equal(speeds.at(-1)?.bytesPerSecond, 1000);
});
