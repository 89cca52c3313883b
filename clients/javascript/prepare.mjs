// npm runs this before it links, packs or publishes the folder: it builds dist, and gets the build tools where nobody did.
import { execSync } from "node:child_process";
import { existsSync } from "node:fs";

// Standard output is npm's, for `npm pack --json`.
const run = (command) => execSync(command, { stdio: ["ignore", process.stderr, process.stderr] });

// What npm was called with for another folder reaches it here as environment variables; the options undo that.
if (!["esbuild", "terser", "typescript"].every((name) => existsSync(`node_modules/${name}`)))
  run("npm ci --silent --ignore-scripts --include=dev --dry-run=false --global=false --package-lock");
run("node build.mjs --package");
run("node node_modules/typescript/bin/tsc -p tsconfig.build.json");
