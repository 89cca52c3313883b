// For those who hear the page: what happened, several things of one kind in one sentence.
import { say } from "./texts.js";

const EVERY_MILLISECONDS = 1000;
const region = document.querySelector("#announcer");
const sentences = [];
const stored = [];
const failed = [];
let timer;

/** Say a sentence, soon. */
export function announce(sentence) {
  if (!sentences.includes(sentence)) sentences.push(sentence);
  speakSoon();
}

export function announceStored(name) {
  stored.push(name);
  speakSoon();
}

export function announceFailed(name, reason) {
  failed.push({ name, reason });
  speakSoon();
}

function speakSoon() {
  if (timer === undefined) timer = setTimeout(speak, EVERY_MILLISECONDS);
}

function speak() {
  timer = undefined;
  const all = sentences.splice(0);
  const done = stored.splice(0);
  const lost = failed.splice(0);
  if (done.length === 1) all.push(say("announce.stored", { name: done[0] }));
  if (done.length > 1) all.push(say("announce.many.stored", { count: done.length }));
  if (lost.length === 1) all.push(say("announce.failed", lost[0]));
  if (lost.length > 1) all.push(say("announce.many.failed", { count: lost.length }));
  region.textContent = all.join(" ");
}
