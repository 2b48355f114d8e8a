// Lets Node run the TypeScript of test/ and src/ as it stands: `./x.js` is looked for as `./x.ts`, and types are stripped on
// loading. Used by programs that jest is not made for (benchmarks, kill tests); types are checked by `npm run check`.
import fs from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { transform } from "@swc/core";

const exists = (url) =>
  fs.access(fileURLToPath(url)).then(
    () => true,
    () => false,
  );

export async function resolve(specifier, context, next) {
  if (/^\.{1,2}\/.*\.js$/.test(specifier) && context.parentURL?.endsWith(".ts")) {
    const url = new URL(specifier.replace(/\.js$/, ".ts"), context.parentURL).href;
    if (await exists(url)) return { url, shortCircuit: true };
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const filename = fileURLToPath(url);
  const { code } = await transform(await fs.readFile(filename, "utf8"), {
    filename,
    swcrc: false,
    sourceMaps: "inline",
    jsc: { parser: { syntax: "typescript" }, target: "es2023" },
    module: { type: "es6" },
  });
  return { format: "module", source: code, shortCircuit: true };
}
