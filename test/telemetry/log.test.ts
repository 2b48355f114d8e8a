import { describe, expect, test } from "@jest/globals";
import { createLogger, type LogLevel } from "../../src/telemetry/index.js";

function loggerInto(lines: string[], level: LogLevel): ReturnType<typeof createLogger> {
  return createLogger({ name: "node n1", level, destination: { write: (line: string) => void lines.push(line) } });
}

describe("the log", () => {
  test("writes one line of JSON with level, time, name and the fields of the call", () => {
    const lines: string[] = [];
    loggerInto(lines, "info").info({ partition: 3 }, "leader elected");
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith("\n")).toBe(true);
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      name: "node n1",
      pid: process.pid,
      partition: 3,
      msg: "leader elected",
    });
  });

  test("leaves out what is less severe than its level", () => {
    const lines: string[] = [];
    const logger = loggerInto(lines, "warn");
    logger.info("quiet");
    logger.error({ err: new Error("disk") }, "loud");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "error", err: { message: "disk", type: "Error" } });
  });

  test("can be silent", () => {
    const lines: string[] = [];
    loggerInto(lines, "silent").fatal("nothing");
    expect(lines).toEqual([]);
  });
});
