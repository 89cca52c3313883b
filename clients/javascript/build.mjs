// node build.mjs [--package | --tests | --browser-files DIRECTORY]: everything that is shipped, or a part of it.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { minify } from "terser";

const STATIC = "../../apps/core/static/js";
const common = { bundle: true, target: "es2022", sourcemap: true, logLevel: "warning" };

// What the classes of these files call each other by, and nobody else: it may be shorter. None of it is in a JSON document,
// in the DOM, or in what an application sees.
const INTERNAL = `acquire admit attempts beginAnew byXhr chunkSizeFor composite digesting endTurn forget forgive
  giveBack going hasMissing inFlight interrupt isStored leave line load mayBeSmaller mayHaveOtherBytes narrow note
  noteLimit onBytes onDemand onGo onQueue onUploading onVerifying onWait passedOver paused putChunk requests resend
  scatter session settings sizeOf smallFiles states store storedBytes storedChunks take tell throwIfOver totalSize
  wake widen`;

/** The file for a <script> tag, and those beside it that it loads on demand. */
async function browserFiles(outdir) {
  const names = {};
  await browserFile(outdir, "resumable-upload-client", "src/browser.ts", "iife", names);
  await browserFile(outdir, "resumable-upload-on-demand", "src/on-demand.ts", "esm", names);
  await browserFile(outdir, "resumable-upload-file-hash", "src/file-hash.ts", "esm", names);
  await browserFile(outdir, "resumable-upload-field", "src/field/index.ts", "iife", names);
}

/** Terser after esbuild: it finds three in a hundred more. */
async function browserFile(outdir, name, entryPoint, format, nameCache) {
  const file = join(outdir, `${name}.js`);
  const options = {
    entryPoints: [entryPoint],
    format,
    minify: true,
    sourcemap: "external",
    outfile: file,
    write: false,
  };
  const { outputFiles } = await build({ ...common, ...options });
  const [map, bundle] = outputFiles.map(({ text }) => text);
  const small = await minify(bundle, {
    module: format === "esm",
    toplevel: true,
    ecma: 2022,
    compress: {
      passes: 6,
      unsafe: true,
      inline: 1,
      unsafe_arrows: true,
      unsafe_methods: true,
      pure_getters: true,
      keep_fargs: false,
    },
    // Some of them are called as something in the DOM is, which these files do not use.
    mangle: { properties: { builtins: true, regex: new RegExp(`^(${INTERNAL.trim().split(/\s+/).join("|")})$`) } },
    nameCache,
    sourceMap: { content: map, url: `${name}.js.map` },
  });
  mkdirSync(outdir, { recursive: true });
  writeFileSync(file, small.code);
  writeFileSync(`${file}.map`, small.map);
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
    browserFiles("dist"),
  ]);
}

function tests() {
  const entryPoints = readdirSync("test")
    .filter((name) => /\.test\.tsx?$/.test(name))
    .map((name) => `test/${name}`);
  return build({
    ...common,
    entryPoints,
    format: "esm",
    platform: "node",
    outdir: ".build/test",
    packages: "external",
    jsx: "automatic",
  });
}

/** A page that uses the packages' modules as an application does. */
function page(entryPoint, outdir) {
  const alias = {
    "resumable-upload-client": "./src/index.ts",
    "resumable-upload-client/react": "./src/react/index.ts",
  };
  const define = { "process.env.NODE_ENV": '"development"' };
  const esm = { ...common, format: "esm", splitting: true, outdir, define, sourcemap: false };
  return build({ ...esm, entryPoints: { page: entryPoint }, alias, jsx: "automatic", nodePaths: ["node_modules"] });
}

const [task, path, outdir] = process.argv.slice(2);
if (task === "--tests") await tests();
else if (task === "--package") await packaged();
else if (task === "--page") await page(path, outdir);
else if (task === "--browser-files") await browserFiles(path);
else await Promise.all([browserFiles(STATIC), packaged()]);
