import type { Reader, Reading } from "./reader.js";
import { WorkerReader } from "./worker-reader.js";

/** Starts the hash worker; throws or returns undefined where there cannot be one. */
export type SpawnWorker = () => Worker | undefined;

const STARTUP_MILLISECONDS = 5000;

/** A reader in a worker, or on this thread where a worker cannot be had: no workers, a CSP, a bundler that lost it. */
export async function openReader(reading: Reading, spawn: SpawnWorker): Promise<Reader> {
  const worker = await startWorker(spawn);
  if (worker) return new WorkerReader(worker, reading);
  const { LocalReader } = await import("./local-reader.js");
  return new LocalReader(reading);
}

function startWorker(spawn: SpawnWorker): Promise<Worker | undefined> {
  return new Promise((resolve) => {
    let worker: Worker | undefined;
    try {
      worker = spawn();
    } catch {
      // Refused, as a script of another origin is.
    }
    if (!worker) {
      resolve(undefined);
      return;
    }
    const give = (started: Worker | undefined) => {
      clearTimeout(timer);
      if (!started) worker?.terminate();
      resolve(started);
    };
    const timer = setTimeout(give, STARTUP_MILLISECONDS, undefined);
    worker.onmessage = () => give(worker);
    worker.onerror = () => give(undefined);
  });
}
