// node drivers.mjs firefox|webkit EXECUTABLE: a browser other than Chromium, steered by lines of JSON, each a method with
// its arguments, and answered by a line each.
//
// Firefox is driven by puppeteer over WebDriver BiDi, WebKit by its own driver over W3C WebDriver (www.w3.org/TR/webdriver2).
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

class Firefox {
  #browser;
  #page;

  static async launch(executablePath) {
    const driver = new Firefox();
    driver.#browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
    driver.#page = await driver.#browser.newPage();
    return driver;
  }

  open(url) {
    return this.#page.goto(url);
  }

  reload() {
    return this.#page.reload();
  }

  ask(source, ...given) {
    return this.#page.evaluate(`(${source})(...${JSON.stringify(given)})`);
  }

  async give(selector, ...paths) {
    const input = await this.#page.$(selector);
    await input.uploadFile(...paths);
  }

  async type(selector, text) {
    await this.#page.type(selector, text);
  }

  async forgetCookies() {
    for (const cookie of await this.#page.cookies()) await this.#page.deleteCookie(cookie);
  }

  close() {
    return this.#browser.close();
  }
}

class WebKit {
  #process;
  #session;

  static async launch(executable) {
    const driver = new WebKit();
    const port = await freePort();
    driver.#process = spawn(executable, [`--port=${port}`, "--host=127.0.0.1"], { stdio: "ignore" });
    const server = `http://127.0.0.1:${port}`;
    const { sessionId } = await patiently(() => post(`${server}/session`, { capabilities: { alwaysMatch: {} } }));
    driver.#session = `${server}/session/${sessionId}`;
    return driver;
  }

  open(url) {
    return post(`${this.#session}/url`, { url });
  }

  reload() {
    return post(`${this.#session}/refresh`, {});
  }

  ask(source, ...given) {
    return post(`${this.#session}/execute/sync`, { script: `return (${source})(...arguments)`, args: given });
  }

  async give(selector, ...paths) {
    await this.#keys(selector, paths.join("\n"));
  }

  async type(selector, text) {
    await this.#keys(selector, text);
  }

  async #keys(selector, text) {
    const found = await post(`${this.#session}/element`, { using: "css selector", value: selector });
    await post(`${this.#session}/element/${found[ELEMENT]}/value`, { text });
  }

  async forgetCookies() {
    await fetch(`${this.#session}/cookie`, { method: "DELETE" });
  }

  async close() {
    await fetch(this.#session, { method: "DELETE" }).catch(() => {});
    this.#process.kill();
  }
}

async function post(url, body) {
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  const { value } = await answer.json();
  if (!answer.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

/** The driver takes a moment until it listens. */
async function patiently(work) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 100 || error.cause?.code !== "ECONNREFUSED") throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const [kind, executable] = process.argv.slice(2);
const driver = await (kind === "firefox" ? Firefox : WebKit).launch(executable);
for await (const line of createInterface({ input: process.stdin })) {
  const { method, given } = JSON.parse(line);
  const answer = await driver[method](...given).then(
    // What a page was navigated to is no JSON.
    (value) => ({ value: method === "ask" ? value : null }),
    (error) => ({ error: String(error) }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
  if (method === "close") process.exit();
}
