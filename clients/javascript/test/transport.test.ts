import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { warnWhereTokensCanBeRead, webAddress } from "../src/transport.js";

afterEach(() => mock.restoreAll());

function warnings(...urls: string[]): string[] {
  const warn = mock.method(console, "warn", () => {});
  for (const url of urls) warnWhereTokensCanBeRead(url);
  return warn.mock.calls.map(({ arguments: [message] }) => String(message));
}

test("a token over plain HTTP to another machine is warned of, once for each host", () => {
  const said = warnings(
    "http://uploads.example/api/",
    "http://uploads.example/another/",
    "http://192.168.1.7:8000/api/",
    "http://[2001:db8::1]/api/",
    "http://localhost.example/api/",
    "http://notlocalhost/api/",
    "http://127.0.0.1.example/api/",
    "http://127.0.0.1@elsewhere.example/api/",
  );
  assert.deepEqual(
    said.map((message) => /sent to (\S+) over plain HTTP/.exec(message)?.[1]),
    [
      "uploads.example",
      "192.168.1.7:8000",
      "[2001:db8::1]",
      "localhost.example",
      "notlocalhost",
      "127.0.0.1.example",
      "elsewhere.example",
    ],
  );
});

test("TLS and loopback are not warned of", () => {
  const said = warnings(
    "https://tls.example/api/",
    "http://127.0.0.1:8000/api/",
    "http://127.1/api/",
    "http://[::1]:8000/api/",
    "http://localhost/api/",
    "http://localhost./api/",
    "http://uploads.localhost:8000/api/",
  );
  assert.deepEqual(said, []);
});

test("an address is of the web, or nothing", () => {
  const base = "https://uploads.example/api/";
  assert.equal(webAddress("/files/1", base), "https://uploads.example/files/1");
  assert.equal(webAddress("http://cdn.example/1", base), "http://cdn.example/1");
  for (const other of [
    "javascript:alert(1)",
    " java\nscript:alert(1)",
    "JAVASCRIPT://uploads.example/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "blob:https://uploads.example/1",
    "file:///etc/passwd",
    "ftp://uploads.example/1",
    "https://[",
    "http:",
    null,
    undefined,
    { href: "https://uploads.example" },
  ]) {
    const found = webAddress(other, base);
    assert.ok(found === undefined, `${other} gave ${found}`);
  }
});
