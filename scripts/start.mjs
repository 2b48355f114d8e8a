// npm start: prepare, then become the local cluster. The same process goes on, so that signals have one way only.
import process from "node:process";
import { prepare } from "./lib/prepare.mjs";

if (!(await prepare())) process.exit(1);
const main = new URL("../dist/main.js", import.meta.url);
process.argv.splice(1, 1, main.pathname, "dev");
await import(main.href);
