// All uploads in one sentence, in the title, and with one button for all of them.
import { bytes, bytesOf, duration, percent } from "./format.js";
import { nextFrame } from "./frames.js";
import { setText } from "./rows.js";
import { say } from "./texts.js";

const at = (selector) => document.querySelector(selector);
const title = document.title;
const LIVE = new Set(["queued", "starting", "uploading", "waiting", "paused", "verifying"]);

export class Overview {
  #items;

  /**
   * @param items a function that gives all uploads of this page, ended ones too
   * @param actions `pauseAll()`, `resumeAll()`, `close()`
   */
  constructor(items, { pauseAll, resumeAll, close }) {
    this.#items = items;
    at("#pause-all").addEventListener("click", pauseAll);
    at("#resume-all").addEventListener("click", resumeAll);
    at("#close").addEventListener("click", close);
  }

  update() {
    nextFrame(this.#draw);
  }

  #draw = () => {
    const all = this.#items().filter((item) => !item.cancelling && item.state !== "aborted");
    const totals = totalsOf(all);
    at("#uploading").hidden = this.#items().length === 0;
    setText(at("#overview"), sentence(totals));
    setText(at("#overview-details"), details(totals));
    at("#overall").value = totals.percentage;
    document.title = totals.live ? say("overview.title", { percentage: percent(totals.percentage), title }) : title;
    show({
      "#pause-all": totals.running > 0,
      "#resume-all": totals.running === 0 && totals.paused > 0,
      "#close": totals.live === 0 && this.#items().every((item) => !item.cancelling),
    });
  };
}

/** A button that vanishes leaves the keyboard's place to the one that comes. */
function show(wanted) {
  const focused = Object.keys(wanted).find((selector) => at(selector) === document.activeElement);
  for (const [selector, visible] of Object.entries(wanted)) at(selector).hidden = !visible;
  if (focused && !wanted[focused]) {
    const next = Object.keys(wanted).find((selector) => wanted[selector]);
    at(next ?? "#overview").focus();
  }
}

function totalsOf(items) {
  const totals = {
    live: 0,
    running: 0,
    paused: 0,
    offline: 0,
    login: 0,
    completed: 0,
    failed: 0,
    sent: 0,
    size: 0,
    speed: 0,
  };
  for (const { state, file, sentBytes, bytesPerSecond, error, retryIn } of items) {
    if (state === "failed") {
      totals.failed++;
      continue;
    }
    totals.sent += sentBytes;
    totals.size += file.size;
    if (state === "completed") totals.completed++;
    if (!LIVE.has(state)) continue;
    totals.live++;
    totals.speed += bytesPerSecond;
    if (state === "paused") totals.paused++;
    else totals.running++;
    if (state === "waiting" && error?.code === "not_authenticated") totals.login++;
    else if (state === "waiting" && retryIn === undefined) totals.offline++;
  }
  const files = totals.live + totals.completed;
  // Empty files have no bytes to count by.
  totals.percentage = totals.size ? (totals.sent / totals.size) * 100 : (totals.completed / files) * 100 || 0;
  return totals;
}

function sentence({ live, running, paused, offline, login, completed, failed, sent, size, speed }) {
  if (live === 0 && completed > 0) return say("overview.stored", { count: completed });
  if (live === 0) return failed ? say("overview.failed", { count: failed }) : "";
  if (running === 0 && paused > 0) return say("overview.paused");
  if (offline === running) return say("overview.offline");
  if (login > 0 && login + offline === running) return say("overview.login");
  const what = say("overview.uploading", { count: running });
  return speed ? say("overview.left", { what, time: duration((size - sent) / speed) }) : what;
}

function details({ live, completed, failed, sent, size }) {
  const parts = [say("overview.bytes", { sent: bytesOf(sent, size), size: bytes(size) })];
  if (live > 0 && completed > 0) parts.push(say("overview.done", { count: completed }));
  if (failed > 0 && (live > 0 || completed > 0)) parts.push(say("overview.needs", { count: failed }));
  return parts.join(" · ");
}
