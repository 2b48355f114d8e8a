#!/usr/bin/env node
/** The composition root: the one file that sees every room. */
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { processTerminal, reference, runCli } from "./cli/index.js";
import { gatewayMetrics, runGateway } from "./gateway/index.js";
import { nodeMetrics, runNode } from "./node/index.js";
import { createLogger } from "./telemetry/index.js";

const manifest = JSON.parse(fs.readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const code = await runCli(process.argv.slice(2), {
  version: manifest.version,
  entry: fileURLToPath(import.meta.url),
  environment: process.env,
  terminal: processTerminal,
  process,
  openLog: (name, level) => createLogger({ name, level }),
  runNode,
  runGateway,
  reference: () =>
    reference(
      new Map([
        ["Storage node", nodeMetrics()],
        ["Gateway", gatewayMetrics(createLogger({ name: "docs", level: "silent" }))],
      ]),
    ),
});
if (code !== undefined) process.exitCode = code;
