// The page: what is dropped, chosen or pasted becomes uploads, and each file is in one of three lists.
import { acceptedInWords, refusalOf } from "./accepted.js";
import { announce, announceFailed, announceStored } from "./announcer.js";
import { reasonOf } from "./errors.js";
import { keepAwake, watchLeaving } from "./leaving.js";
import { headers, onLogin, onLoginRequired } from "./login.js";
import { Overview } from "./overview.js";
import { pageData } from "./page-data.js";
import { onOtherTabs } from "./presence.js";
import { Refresher } from "./refresher.js";
import { RowList } from "./row-list.js";
import { canPick, fromDrop, fromInput, fromPaste, fromPicker } from "./sources.js";
import { StoredList } from "./stored-list.js";
import { say } from "./texts.js";
import { UploadItem } from "./upload-item.js";
import { UploadRow } from "./upload-row.js";
import { WaitingList } from "./waiting-list.js";

// So many at a time; between them the page draws and listens.
const AT_A_TIME = 25;
const at = (selector) => document.querySelector(selector);

const uploader = new globalThis.ResumableUploader({ apiUrl: pageData.apiUrl, headers, onLoginRequired });
/** All uploads of this page, but for those that are taken off it: what is shown of them, the list below says. */
const items = new Set();
const rows = new RowList(at("#uploading .rows"), (item) => new UploadRow(item), at("#uploading .more"));
const stored = new StoredList(uploader, (uploadId) => {
  for (const item of items) if (item.result?.uploadId === uploadId) items.delete(item);
  overview.update();
});
const waiting = new WaitingList(uploader, { isBusy, onFile: resume });
const refresher = new Refresher();
const overview = new Overview(() => [...items], {
  pauseAll: () => {
    pausedAt = performance.now();
    for (const item of items) item.pause();
  },
  resumeAll: () => {
    for (const item of items) item.resume();
  },
  close: clear,
});

function isBusy(uploadId) {
  for (const item of items) if (item.uploadId === uploadId && item.state !== "aborted") return true;
  return false;
}

let pausedAt = 0;

/** Begin with what was found. */
async function add(found) {
  tellOf(found);
  const { sources } = found;
  const addedAt = performance.now();
  for (let start = 0; start < sources.length; start += AT_A_TIME) {
    const begun = begin(sources.slice(start, start + AT_A_TIME));
    // Whoever paused all meant those to come too.
    if (pausedAt > addedAt) for (const item of begun) item.pause();
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function begin(sources) {
  const begun = sources.map((source) => {
    const uploadId = source.uploadId ?? waiting.matching(source)?.uploadId;
    return new UploadItem(uploader, { ...source, uploadId }, onChange);
  });
  for (const item of begun) {
    items.add(item);
    const refusal = refusalOf({ name: item.name, size: item.file.size });
    if (refusal) item.refuse(refusal);
    else item.start();
  }
  rows.append(begun);
  overview.update();
  waiting.update();
  return begun;
}

/** By its own name: if it is another file after all, it begins anew, and is not called as the other. */
function resume(upload, source) {
  if (isBusy(upload.uploadId)) return;
  const relativePath = upload.metadata.relative_path;
  begin([{ ...source, relativePath, uploadId: upload.uploadId }]);
  at("#overview").focus();
}

function tellOf({ sources, emptyFolders, litter, unreadable }) {
  const sentences = emptyFolders.map((name) => say("empty.folder", { name }));
  sentences.push(...unreadable.map((name) => say("unreadable", { name })));
  if (litter > 0) sentences.push(say("ignored", { count: litter }));
  if (sources.length === 0 && sentences.length === 0) sentences.push(say("empty.drop"));
  at("#notice").textContent = sentences.join(" ");
}

function onChange(item, news) {
  if (news === "removed") takeOff(item);
  else rows.rowOf(item)?.update();
  if (news === "state") onState(item);
  if (news === "session") {
    waiting.takeBack(item.uploadId);
    waiting.update();
  }
  if (news === "cancelled") refresher.soon(refreshWaiting);
  overview.update();
  keepAwake([...items].some(({ state }) => state === "uploading"));
}

function onState(item) {
  const { state, name, error } = item;
  if (state === "completed") {
    announceStored(name);
    waiting.forget(item.uploadId);
    // It goes down once, and is in one list; what is being undone stays where its button is.
    if (!item.cancelling) {
      rows.removeUnderFocus(item, at("#overview"));
      stored.add(item);
    }
  }
  if (state === "failed") announceFailed(name, reasonOf(error, item.file));
  if (state === "waiting" && item.retryIn === undefined && error?.code !== "not_authenticated")
    announce(say("announce.offline"));
  if (item.cancelling) announce(say("announce.undo", { name, what: say("aborted") }));
}

function takeOff(item) {
  items.delete(item);
  rows.removeUnderFocus(item, at("#overview"));
  if (item.uploadId && item.cancelling) waiting.bury(item.uploadId);
  else refresher.soon(refreshWaiting);
}

/** Take off all that has ended. */
function clear() {
  for (const item of items) if (item.ended) item.dismiss();
  at("#drop-title").scrollIntoView?.({ block: "nearest" });
  at("#files").focus();
}

async function refreshWaiting() {
  // Without it the page is as useful as before: a file that is chosen again resumes all the same.
  await waiting.refresh().catch(() => {});
}

async function refreshStored() {
  await stored.refresh().catch((error) => stored.fail(error));
}

for (const input of [at("#files"), at("#folder")]) {
  const take = () => input.files.length > 0 && add(fromInput(input));
  input.addEventListener("change", take);
  // Whoever was quicker than this script.
  take();
}
if (canPick) {
  at("#files").addEventListener("click", async (event) => {
    event.preventDefault();
    const found = await fromPicker();
    if (found.sources.length > 0) add(found);
  });
}

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  if (event.dataTransfer.types.includes("Files")) document.body.classList.add("dragging");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  add(await fromDrop(event.dataTransfer));
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length > 0) add(fromPaste(event.clipboardData));
});

onLogin((news) => {
  if (news !== "in") return;
  // Those that were refused while somebody else was here.
  for (const item of items) if (item.error?.code === "other_user") item.retry();
  refresher.soon(refreshStored);
  refresher.soon(refreshWaiting);
});
onOtherTabs(() => refresher.soon(refreshWaiting));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") refresher.soon(refreshWaiting);
});
watchLeaving(() => [...items].some((item) => item.wouldBeLost));

at("#accepted").textContent = acceptedInWords();
refresher.soon(refreshWaiting);
refreshStored();
