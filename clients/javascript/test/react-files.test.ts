import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { filesOf, isAccepted } from "../src/react/files.js";

const file = (name: string, type = "") => new File([], name, { type });

test("files are held to what an input accepts", () => {
  const picture = file("Photo.JPG", "image/jpeg");
  for (const accept of [undefined, "", " , ", ".jpg", "image/*", "image/jpeg", ".pdf, IMAGE/JPEG", "*/*"])
    assert.ok(isAccepted(picture, accept), accept);
  for (const accept of [".jpeg", "image/png", "video/*", "jpg"]) assert.ok(!isAccepted(picture, accept), accept);
});

type Entry = { isDirectory: boolean };

function fileEntry(fullPath: string): Entry {
  const answer = (resolve: (file: File) => void) => resolve(file(fullPath.split("/").at(-1) ?? ""));
  return { isDirectory: false, fullPath, file: answer } as Entry;
}

function folder(...batches: Entry[][]): Entry {
  const createReader = () => {
    const left = [...batches];
    return { readEntries: (resolve: (batch: Entry[]) => void) => resolve(left.shift() ?? []) };
  };
  return { isDirectory: true, createReader } as Entry;
}

function transferOf(...dropped: (Entry | File)[]) {
  const items = dropped.map((each) => {
    const isFile = each instanceof File;
    return {
      kind: "file",
      webkitGetAsEntry: () => (isFile ? null : each),
      getAsFile: () => (isFile ? each : file("a folder, as browsers have it")),
    };
  });
  const text = { kind: "string", webkitGetAsEntry: () => null, getAsFile: () => null };
  return { items: [...items, text] } as unknown as DataTransfer;
}

test("folders are walked, batch by batch, and their files know their paths", async () => {
  const inner = folder([fileEntry("/trip/day/b.jpg")]);
  const outer = folder([fileEntry("/trip/a.jpg")], [inner], [fileEntry("/trip/c.jpg")]);
  const found = await filesOf(transferOf(file("alone.bin"), outer));
  assert.deepEqual(
    found.map(({ name, webkitRelativePath }) => [name, webkitRelativePath]),
    [
      ["alone.bin", undefined], // Node.js has no such path; in browsers it is "".
      ["a.jpg", "trip/a.jpg"],
      ["b.jpg", "trip/day/b.jpg"],
      ["c.jpg", "trip/c.jpg"],
    ],
  );
});

test("what cannot be read is reported, and the rest is found", async () => {
  const complained = mock.method(console, "error", () => {});
  const refuses = (_: unknown, reject: (error: Error) => void) => reject(new Error("no"));
  const unreadable = { isDirectory: true, createReader: () => ({ readEntries: refuses }) } as unknown as Entry;
  const found = await filesOf(transferOf(folder([unreadable, fileEntry("/trip/a.jpg")])));
  assert.deepEqual(
    found.map(({ name }) => name),
    ["a.jpg"],
  );
  assert.equal(complained.mock.callCount(), 1);
  complained.mock.restore();
});
