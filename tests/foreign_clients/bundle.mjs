// node bundle.mjs SOURCE OUTDIR PACKAGE: page.js of a script that imports what is installed for one of the packages here.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [source, outdir, name] = process.argv.slice(2);
const { build } = createRequire(new URL("../../clients/javascript/package.json", import.meta.url))("esbuild");
await build({
  stdin: { contents: readFileSync(source, "utf8"), resolveDir: fileURLToPath(new URL(name, import.meta.url)) },
  outfile: `${outdir}/page.js`,
  bundle: true,
  format: "esm",
  target: "es2022",
  logLevel: "warning",
});
