import { askToDelete } from "./delete-dialog.js";
import { droppedFiles } from "./dropped-files.js";
import { removeFinished, showFinished, showUnfinished } from "./file-lists.js";
import { bytes, pace } from "./format.js";
import { UploadCard } from "./upload-card.js";

const { ResumableUploader } = globalThis;
const meta = (name) => document.querySelector(`meta[name=${name}]`).content;
const at = (selector) => document.querySelector(selector);

const uploader = new ResumableUploader({
  apiUrl: meta("api-url"),
  headers: { "X-CSRFToken": meta("csrf-token") },
});
const cards = new Set();
let unfinished = [];
let shownUnfinished = "";

/** Begin with files; those that were begun on another device resume from there. */
function add(files) {
  for (const { file, relativePath } of files) {
    const known = unfinished.find((upload) => upload.filename === file.name && upload.size === file.size);
    begin(file, { relativePath, uploadId: known?.uploadId });
  }
}

function begin(file, options) {
  const card = new UploadCard(uploader, file, options, onChange);
  cards.add(card);
  at("#cards").append(card.element);
  at(".uploads").hidden = false;
  showOverall();
}

function onChange(card, news) {
  if (news === "removed") cards.delete(card);
  if (news === "completed") announce(`${card.file.name} is stored and verified.`);
  if (news === "failed") announce(`${card.file.name} failed.`);
  if (news === "waiting") announce(`${card.file.name} waits for the connection.`);
  if (["completed", "failed", "aborted", "removed"].includes(news)) refreshSoon();
  if (news === "starting" || news === "uploading") hideWhatIsUnderWay();
  showOverall();
}

function announce(text) {
  at("#announcer").textContent = text;
}

function showOverall() {
  const all = [...cards].filter((card) => card.state !== "aborted" && card.state !== "failed");
  const total = all.reduce((sum, card) => sum + card.file.size, 0);
  const sent = all.reduce((sum, card) => sum + card.sentBytes, 0);
  const speed = all.reduce((sum, card) => sum + (card.ended ? 0 : card.bytesPerSecond), 0);
  const done = all.filter((card) => card.state === "completed").length;
  // Empty files have no bytes to count by.
  at("#overall").value = total ? (sent / total) * 100 : (done / all.length) * 100 || 0;
  at("#overall-text").textContent = [
    `${done} of ${all.length} ${all.length === 1 ? "file" : "files"}`,
    `${bytes(sent)} of ${bytes(total)}`,
    pace(speed, speed ? (total - sent) / speed : undefined),
  ]
    .filter(Boolean)
    .join(" · ");
  at(".uploads").hidden = cards.size === 0;
}

let refreshing;

/** Many files may end at once; the lists are asked for once. */
function refreshSoon() {
  clearTimeout(refreshing);
  refreshing = setTimeout(refresh, 200);
}

async function refresh() {
  try {
    const [open, finished] = await Promise.all([uploader.unfinished(), uploader.list({ status: "completed" })]);
    unfinished = open;
    hideWhatIsUnderWay();
    showFinished(at("#finished"), finished, askAndDelete);
  } catch (error) {
    announce(error.message);
  }
}

function hideWhatIsUnderWay() {
  const busy = new Set([...cards].filter((card) => card.state !== "aborted").map((card) => card.uploadId));
  const waiting = unfinished.filter((upload) => !busy.has(upload.uploadId));
  // Whoever is at a row keeps their place, and what the row told them, while others come and go.
  const now = JSON.stringify(waiting);
  if (now === shownUnfinished) return;
  shownUnfinished = now;
  at(".unfinished").hidden = waiting.length === 0;
  showUnfinished(at("#unfinished"), waiting, { onFile: resume, onDiscard: discard });
}

function resume(upload, file) {
  begin(file, { uploadId: upload.uploadId });
}

async function discard(upload) {
  await uploader.cancel(upload.uploadId).catch((error) => announce(error.message));
  await refresh();
}

async function askAndDelete(uploadId, name) {
  const remove = (signal) => uploader.deleteUpload(uploadId, { signal });
  if (await askToDelete(at("#delete-dialog"), name, remove)) {
    removeFinished(at("#finished"), uploadId, at("#finished-title"));
    for (const card of cards) if (card.uploadId === uploadId && card.ended) card.remove();
    announce(`${name} is deleted.`);
  }
  // Also after giving up: the server may have done it.
  await refresh();
}

for (const input of [at("#files"), at("#folder")]) {
  const take = () => {
    add([...input.files].map((file) => ({ file, relativePath: file.webkitRelativePath || undefined })));
    input.value = "";
  };
  input.addEventListener("change", take);
  // Whoever was quicker than this script.
  take();
}

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  add(await droppedFiles(event.dataTransfer));
});

at("#pause-all").addEventListener("click", () => uploader.pause());
at("#resume-all").addEventListener("click", () => uploader.resume());
at("#clear").addEventListener("click", () => {
  for (const card of cards) if (card.state === "completed") card.remove();
});

refresh();
