// npm run build: install, generate and build what has changed.
import process from "node:process";
import { prepare } from "./lib/prepare.mjs";

if (!(await prepare())) process.exitCode = 1;
