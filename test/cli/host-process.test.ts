import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { EventEmitter } from "node:events";
import { type HostOptions, type ProcessEnvironment, ProcessHost } from "../../src/cli/host-process.js";
import { ConfigError, type RunningProcess, StartRefusal } from "../../src/config/index.js";

class Environment extends EventEmitter implements ProcessEnvironment {
  connected = false;
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

let environment = new Environment();
let reports: string[] = [];

function host(start: HostOptions["start"]): Promise<void> {
  const report: HostOptions["report"] = (severity, message, error) => {
    reports.push(`${severity}: ${message}${error instanceof Error ? ` (${error.message})` : ""}`);
  };
  return new ProcessHost({ name: "node n1", stopTimeoutMs: 100, start, report, environment }).run();
}

const stoppable = (stop: RunningProcess["stop"] = () => Promise.resolve()) => Promise.resolve({ stop });
/** Lets promises that are due go on. */
const turn = () => jest.advanceTimersByTimeAsync(0);

beforeEach(() => {
  jest.useFakeTimers();
  environment = new Environment();
  reports = [];
});

afterEach(() => {
  jest.useRealTimers();
});

describe("hosting a process", () => {
  test.each(["SIGTERM", "SIGINT"])("%s stops it in order", async (signal) => {
    await host(() => stoppable());
    expect(environment.exits).toEqual([]);
    environment.emit(signal);
    await turn();
    expect(environment.exits).toEqual([0]);
    expect(reports).toEqual([`info: node n1 stops, asked by ${signal}`, "info: node n1 stopped"]);
  });

  test("the end of its supervisor stops it", async () => {
    environment.connected = true;
    await host(() => stoppable());
    environment.emit("disconnect");
    await turn();
    expect(environment.exits).toEqual([0]);
  });

  test("one that has nothing left to run for is stopped in order", async () => {
    const over = Promise.resolve("it is no member any more");
    await host(async () => ({ ...(await stoppable()), over }));
    await turn();
    expect(environment.exits).toEqual([0]);
    expect(reports[0]).toBe("info: node n1 stops, asked by its own end: it is no member any more");
  });

  test("a stop that takes too long is cut short and told", async () => {
    await host(() => stoppable(() => new Promise(() => undefined)));
    environment.emit("SIGTERM");
    await jest.advanceTimersByTimeAsync(99);
    expect(environment.exits).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(environment.exits).toEqual([1]);
    expect(reports.at(-1)).toBe("fatal: node n1: did not stop in order within 100 ms, ended");
  });

  test("a stop that fails is a failure", async () => {
    await host(() => stoppable(() => Promise.reject(new Error("disk gone"))));
    environment.emit("SIGTERM");
    await turn();
    expect(environment.exits).toEqual([1]);
    expect(reports.at(-1)).toBe("fatal: node n1: failed to stop in order (disk gone)");
  });

  test("a signal that is repeated at once is the same; a later one ends it", async () => {
    let now = 0;
    const clock = jest.spyOn(performance, "now").mockImplementation(() => now);
    await host(() => stoppable(() => new Promise(() => undefined)));
    environment.emit("SIGINT");
    now = 999;
    environment.emit("SIGINT");
    expect(environment.exits).toEqual([]);
    now = 1_001;
    environment.emit("SIGINT");
    expect(environment.exits).toEqual([1]);
    clock.mockRestore();
  });

  test("asked to stop while it starts, it stops once it has started", async () => {
    let started: (running: RunningProcess) => void = () => undefined;
    const stop = jest.fn(() => Promise.resolve());
    const run = host(() => new Promise((resolve) => (started = resolve)));
    environment.emit("SIGTERM");
    await turn();
    expect(environment.exits).toEqual([]);
    started({ stop });
    await run;
    expect(stop).toHaveBeenCalledTimes(1);
    expect(environment.exits).toEqual([0]);
  });

  test.each([
    [new StartRefusal("the folder is of another cluster"), 3, "does not start: the folder is of another cluster"],
    [new ConfigError(["--members is wrong"]), 2, "does not start: --members is wrong"],
    [new TypeError("x is not a function"), 1, ": failed to start (x is not a function)"],
  ])("a start that fails with %p", async (error, code, message) => {
    await host(() => Promise.reject(error));
    expect(environment.exits).toEqual([code]);
    expect(reports.at(-1)).toContain(message);
  });

  test.each(["uncaughtException", "unhandledRejection"])("an %s ends it", async (event) => {
    await host(() => stoppable());
    environment.emit(event, new Error("who knows"));
    expect(environment.exits).toEqual([1]);
    expect(reports.at(-1)).toMatch(/^fatal: node n1: un.* \(who knows\)$/);
  });

  test("an error that must not be survived ends it", async () => {
    let fatal: (error: Error) => void = () => undefined;
    await host((given) => {
      fatal = given;
      return stoppable();
    });
    fatal(new Error("EIO"));
    expect(environment.exits).toEqual([1]);
  });
});
