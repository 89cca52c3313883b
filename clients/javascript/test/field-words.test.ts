import assert from "node:assert/strict";
import { test } from "node:test";
import { cookieToken } from "../src/field/csrf.js";
import { Limits } from "../src/field/limits.js";
import { canRetry, reasonOf } from "../src/field/reasons.js";
import { splitName } from "../src/field/row.js";
import { Words } from "../src/field/words.js";

const texts = {
  hello: "%(name)s, %(name)s and %(other)s",
  "error.throttled": "Busy.",
  "drop.one": "or drop it here",
  "up.to": "up to %(size)s",
  "kind.video": "films",
  "refused.empty": "%(name)s is empty",
  "refused.size": "%(name)s has %(size)s, not %(limit)s",
  "refused.type": "%(name)s is none of %(kinds)s",
};
const words = new Words(texts, "en");

test("values are put in, and what is missing leaves no trace of how it is written", () => {
  assert.equal(words.say("hello", { name: "a", other: "%(name)s" }), "a, a and %(name)s");
  assert.equal(words.say("hello", { name: "a" }), "a, a and ");
  assert.equal(words.say("unknown"), "unknown");
});

test("numbers are as people of the language read them, whatever the page says its language is", () => {
  const german = new Words({}, "de");
  assert.equal(german.bytes(1_234_567), "1,2 MB");
  assert.equal(words.bytes(999), "999 byte");
  assert.equal(words.bytes(50_000_000_000), "50 GB");
  assert.equal(words.bytesOf(114_400_000, 300_000_000), "114");
  assert.equal(words.bytesOf(7, 9), "7");
  assert.equal(words.percent(99.99), "99%");
  for (const language of ["", "not a language", "xx-invented"]) {
    assert.match(new Words({}, language).bytes(2_000_000), /2 ?.?MB/);
  }
});

test("times are short", () => {
  assert.deepEqual(
    [0.2, 59, 90, 5400, 36_000].map((seconds) => words.duration(seconds)),
    ["1 sec", "59 sec", "2 min", "1.5 hr", "10 hr"],
  );
});

test("reasons are in the field's words, or in the server's", () => {
  assert.equal(reasonOf({ code: "throttled", detail: "429" }, words), "Busy.");
  assert.equal(reasonOf({ code: "new", detail: "As the server says." }, words), "As the server says.");
  assert.equal(canRetry({ code: "purpose_expired", detail: "" }), false);
  assert.equal(canRetry({ code: "throttled", detail: "" }), true);
});

test("limits are said before anything is sent", () => {
  const limits = new Limits({ accept: "video/*,.mkv", maxSize: 10, allowEmpty: false }, words);
  assert.equal(limits.hint(false), "or drop it here · up to 10 byte · films, .mkv");
  assert.equal(limits.refusalOf(new File(["12345678901"], "a.mkv")), "a.mkv has 11 byte, not 10 byte");
  assert.equal(limits.refusalOf(new File([""], "a.png", { type: "image/png" })), "a.png is none of films, .mkv");
  assert.equal(limits.refusalOf(new File(["1234567890"], "a.mkv")), undefined);
  assert.equal(limits.refusalOf(new File([], "a.mkv")), "a.mkv is empty");
  const lenient = new Limits({ accept: "", maxSize: undefined, allowEmpty: true }, words);
  assert.equal(lenient.refusalOf(new File([], "a.mkv")), undefined);
});

test("a name is cut so that its end stays", () => {
  assert.deepEqual(splitName("short.bin"), ["short.bin", ""]);
  const [head, tail] = splitName("a long name of a file (copy 2).bin");
  assert.equal(head + tail, "a long name of a file (copy 2).bin");
  assert.equal(tail, " (copy 2).bin".slice(-13));
});

test("Django's token is found among the cookies", () => {
  assert.equal(cookieToken("a=1; csrftoken=abc%3D; b=2"), "abc=");
  assert.equal(cookieToken("xcsrftoken=abc"), undefined);
});
