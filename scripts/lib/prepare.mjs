// From a fresh clone to something that runs: install, generate, build, each only when its inputs have changed.
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { exclusively } from "./exclusive.mjs";
import { filesUnder, fingerprint, isFresh, markFresh } from "./fingerprint.mjs";
import { root, run, runNpm, runTool, seconds } from "./run.mjs";

const NODE_MIN = [20, 19];

class PreparationError extends Error {}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  throw new PreparationError(
    `Marconi needs Node ${NODE_MIN.join(".")} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      "Install a newer one, or put it first on the PATH.",
  );
}

const exists = (place) => fs.existsSync(path.join(root, place));

async function step(name, { inputs, marker, product, work }) {
  const print = fingerprint(inputs);
  if (exists(product) && isFresh(marker, print)) return;
  const sinceMs = performance.now();
  process.stdout.write(name.padEnd(9));
  const { code, output } = await work();
  if (code !== 0) throw new PreparationError(`failed\n${output.trimEnd()}`);
  markFresh(marker, print);
  process.stdout.write(`${seconds(sinceMs)}\n`);
}

function install() {
  return step("install", {
    inputs: ["package-lock.json"],
    marker: "node_modules/.installed-from",
    product: "node_modules",
    // The development packages are what builds; a production setting in the environment must not leave them out.
    work: () => runNpm(["ci", "--include=dev", "--no-audit", "--no-fund"], { capture: true }),
  });
}

function generate() {
  return step("generate", {
    inputs: [...filesUnder(["proto"]), "buf.gen.yaml", "buf.yaml", "package-lock.json"],
    marker: ".cache/generated-from",
    product: "src/gen",
    work: () => run(process.execPath, ["node_modules/@bufbuild/buf/bin/buf", "generate"], { capture: true }),
  });
}

/** What was built from sources that are gone would still be found by imports. */
function removeOrphans() {
  for (const file of filesUnder(["dist"], (name) => /\.(d\.ts|js|js\.map)$/.test(name))) {
    const source = file.replace(/^dist\//, "src/").replace(/\.(d\.ts|js|js\.map)$/, ".ts");
    if (!exists(source)) fs.rmSync(path.join(root, file));
  }
}

function build() {
  return step("build", {
    inputs: [...filesUnder(["src"]), "tsconfig.json", "tsconfig.build.json", "package-lock.json"],
    marker: "dist/.built-from",
    product: "dist/main.js",
    work: async () => {
      if (!exists("dist/main.js")) fs.rmSync(path.join(root, "dist"), { recursive: true, force: true });
      const result = await runTool("typescript/bin/tsc", ["-p", "tsconfig.build.json"], { capture: true });
      if (result.code === 0) removeOrphans();
      return result;
    },
  });
}

/** False, with a message on stderr, when a step failed. */
export async function prepare() {
  try {
    checkNode();
    await exclusively(async () => {
      await install();
      await generate();
      await build();
    });
    return true;
  } catch (error) {
    if (!(error instanceof PreparationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return false;
  }
}
