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
