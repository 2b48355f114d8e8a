// npm run docs:generate: build, then let the program write its own reference.
import process from "node:process";
import { prepare } from "./lib/prepare.mjs";
import { run } from "./lib/run.mjs";

if (!(await prepare())) process.exit(1);
const { code } = await run(process.execPath, ["dist/main.js", "docs", "docs/generated"]);
process.exitCode = code;
