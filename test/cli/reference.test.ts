import { describe, expect, test } from "@jest/globals";
import fs from "node:fs";
import { reference } from "../../src/cli/reference.js";
import { gatewayMetrics } from "../../src/gateway/index.js";
import { nodeMetrics } from "../../src/node/index.js";
import { createLogger } from "../../src/telemetry/index.js";

const written = (name: string): string =>
  fs.readFileSync(new URL(`../../docs/generated/${name}`, import.meta.url), "utf8");

const pages = reference(
  new Map([
    ["Storage node", nodeMetrics()],
    ["Gateway", gatewayMetrics(createLogger({ name: "test", level: "silent" }))],
  ]),
);

describe("the reference", () => {
  test.each([...pages])("%s is as the code has it; if not: npm run docs:generate", (name, content) => {
    expect(written(name)).toBe(content);
  });

  test("names every setting, error and metric once", () => {
    expect(pages.get("configuration.md")).toContain("| `--tick-ms` | `MARCONI_TICK_MS` | 5..1000 | 50 |");
    expect(pages.get("errors.md")).toContain(
      "| `unknown-outcome` | 503 | Service temporarily unavailable | maybe | no |",
    );
    expect(pages.get("metrics.md")).toContain("| `marconi_http_request_duration_seconds` | histogram | `route`,");
    const names = [...(pages.get("metrics.md") ?? "").matchAll(/^\| `(\w+)`/gm)].map((match) => match[1]);
    expect(new Set(names).size).toBe(names.length);
  });
});
