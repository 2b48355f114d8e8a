// node test/support/program.mjs <file.ts> [--no-build] [arguments]: builds what has changed, then runs a TypeScript program.
import { register } from "node:module";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { prepare } from "../../scripts/lib/prepare.mjs";

const [, , file, ...args] = process.argv;
if (file === undefined) {
  process.stderr.write("usage: node test/support/program.mjs <file.ts> [--no-build] [arguments]\n");
  process.exit(2);
}
const build = !args.includes("--no-build");
if (build && !(await prepare())) process.exit(1);
process.setSourceMapsEnabled(true);
register("./typescript-hook.mjs", import.meta.url);
process.argv.splice(1, process.argv.length, path.resolve(file), ...args.filter((arg) => arg !== "--no-build"));
await import(pathToFileURL(process.argv[1]).href);
