import assert from "node:assert/strict";
import { test } from "node:test";
import { renderToString } from "react-dom/server";
import {
  ResumableUpload,
  ResumableUploadProvider,
  useDropzone,
  useResumableUpload,
  useUploadActions,
  useUploads,
} from "../src/react/index.js";

function Header() {
  useUploadActions();
  return <b>{useUploads(({ totals }) => [totals.files, totals.percentage]).join(" of ")}</b>;
}

function List() {
  const { uploads, totals } = useResumableUpload();
  const { isDragging, getDropzoneProps, getInputProps } = useDropzone({ accept: ".bin", multiple: false });
  return (
    <div {...getDropzoneProps({ className: "zone" })}>
      <input {...getInputProps({ id: "file" })} /> {uploads.length} {totals.files} {String(isDragging)}
    </div>
  );
}

test("a component with the documented address is rendered on a server", () => {
  const html = renderToString(<ResumableUpload apiUrl="/api/v1/upload" label="Attach" />);
  assert.match(html, /Attach.*<input.* type="file"/);
});

test("components of a provider are rendered on a server, as of no files", () => {
  const html = renderToString(
    <ResumableUploadProvider apiUrl="/api/v1/upload">
      <Header />
      <List />
      <ResumableUpload />
    </ResumableUploadProvider>,
  );
  assert.match(html, /<b>0 of 0<\/b>/);
  assert.match(html, /<div class="zone">/);
  assert.match(html, /<input id="file" accept=".bin" type="file"\/>|<input accept=".bin" id="file" type="file"\/>/);
});

test("what needs a provider says so where there is none", () => {
  for (const component of [<Header key="header" />, <List key="list" />, <ResumableUpload key="upload" />])
    assert.throws(() => renderToString(component), /no <ResumableUploadProvider> above/);
});

/** Never called: the compiler has the last word on it. */
export function Typed() {
  const { upload } = useResumableUpload({ apiUrl: "/api", onProgress: (percentage: number) => percentage });
  // @ts-expect-error: a single file's option
  useResumableUpload({ apiUrl: "/api", uploadId: "id" });
  return (
    // @ts-expect-error: the provider needs an address
    <ResumableUploadProvider>
      <input onChange={(event) => upload(event.target.files, { onComplete: ({ url }, item) => [url, item.id] })} />
      <ResumableUpload multiple={false} filename="a.bin" onError={(error) => error.code} />
      {/* @ts-expect-error: whose provider has the token */}
      <ResumableUpload authToken="token" />
    </ResumableUploadProvider>
  );
}
