import { defineElement } from "./element.js";

const { src } = document.currentScript as HTMLScriptElement;
// Beside this file, as it is deployed.
const load = (name: string) => import(new URL(`resumable-upload-${name}.js`, src).href);

defineElement({ fileHash: () => load("file-hash"), onDemand: () => load("on-demand") });
