// node build.mjs [--package | --tests | --browser-file PATH [--without-hash]]: everything that is shipped, or a part of it.
import { readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

const BROWSER_FILE = "../../apps/core/static/js/resumable-upload-client.js";
const IN_PACKAGE = "dist/resumable-upload-client.js";
const common = { bundle: true, target: "es2022", sourcemap: true, logLevel: "warning" };

function browserFile(outfile, options = {}) {
  return build({ ...common, ...options, entryPoints: ["src/browser.ts"], format: "iife", minify: true, outfile });
}

/** What is in the npm package, but for the types. */
function packaged() {
  rmSync("dist", { recursive: true, force: true });
  const esm = { ...common, format: "esm", outdir: "dist" };
  return Promise.all([
    build({
      ...esm,
      entryPoints: { index: "src/index.ts", react: "src/react/index.ts" },
      splitting: true,
      packages: "external",
      jsx: "automatic",
    }),
    // A worker is loaded by its address and resolves no package names.
    build({ ...esm, entryPoints: { worker: "src/reading/worker.ts" }, minify: true }),
    browserFile(IN_PACKAGE),
  ]);
}

function tests() {
  const entryPoints = readdirSync("test")
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => `test/${name}`);
  return build({
    ...common,
    entryPoints,
    format: "esm",
    platform: "node",
    outdir: ".build/test",
    packages: "external",
  });
}

/** A page that uses the packages' modules as an application does, with its worker beside it. */
function page(entryPoint, outdir) {
  const alias = {
    "resumable-upload-client": "./src/index.ts",
    "resumable-upload-client/react": "./src/react/index.ts",
  };
  const define = { "process.env.NODE_ENV": '"development"' };
  const esm = { ...common, format: "esm", outdir, define, sourcemap: false };
  return Promise.all([
    build({ ...esm, entryPoints: { page: entryPoint }, alias, jsx: "automatic", nodePaths: ["node_modules"] }),
    build({ ...esm, entryPoints: { worker: "src/reading/worker.ts" } }),
  ]);
}

const [task, path, variant] = process.argv.slice(2);
if (task === "--tests") await tests();
else if (task === "--package") await packaged();
else if (task === "--page") await page(path, variant);
else if (task === "--browser-file")
  await browserFile(path, variant === "--without-hash" ? { external: ["hash-wasm"] } : {});
else await Promise.all([browserFile(BROWSER_FILE), packaged()]);
