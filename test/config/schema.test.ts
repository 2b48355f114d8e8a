import { describe, expect, test } from "@jest/globals";
import { ConfigError, environmentName, flagName, resolve, type Schema, toFlags } from "../../src/config/schema.js";
import { flag, integer, text } from "../../src/config/setting.js";

const settings = {
  tickMs: integer({ doc: "the tick", min: 5, max: 1_000, fallback: 50 }),
  dataDir: text({ doc: "the folder", form: "a folder", pattern: /./ }),
  reset: flag({ doc: "starts anew" }),
};
const schema: Schema<typeof settings> = {
  command: "test",
  environmentPrefix: "MARCONI_",
  settings,
  conflicts: (config) => (config.reset && config.dataDir === "/" ? ["that is too much to reset"] : []),
};

function problemsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("names", () => {
  test("a key is a flag and a variable", () => {
    expect(flagName("tickMs")).toBe("tick-ms");
    expect(environmentName(schema, "tickMs")).toBe("MARCONI_TICK_MS");
  });
});

describe("resolve", () => {
  test("flags win over the environment, the environment over defaults", () => {
    const environment = { MARCONI_TICK_MS: "20", MARCONI_DATA_DIR: "/from/environment" };
    const { config, sources } = resolve(schema, { dataDir: "/from/flag" }, environment);
    expect(config).toEqual({ tickMs: 20, dataDir: "/from/flag", reset: false });
    expect(sources).toEqual({ tickMs: "environment", dataDir: "flag", reset: "default" });
  });

  test("a switch is on when its flag is there", () => {
    expect(resolve(schema, { dataDir: "a", reset: true }, {}).config.reset).toBe(true);
    expect(resolve(schema, { dataDir: "a" }, { MARCONI_RESET: "true" }).config.reset).toBe(true);
  });

  test("an empty variable is a value, not an absence", () => {
    expect(problemsOf(() => resolve(schema, {}, { MARCONI_DATA_DIR: "" }))).toEqual([
      'MARCONI_DATA_DIR must be a folder, not ""',
    ]);
  });

  test("all problems are told at once, each under the name it was given by", () => {
    const problems = problemsOf(() => resolve(schema, { colour: "red" }, { MARCONI_TICK_MS: "1" }));
    expect(problems).toEqual([
      'MARCONI_TICK_MS must be a whole number in 5..1000, not "1"',
      "--data-dir is missing (a folder): the folder",
      "--colour is not known to marconi test",
    ]);
  });

  test("what must hold between keys is checked last", () => {
    expect(problemsOf(() => resolve(schema, { dataDir: "/", reset: true }, {}))).toEqual(["that is too much to reset"]);
  });
});

describe("toFlags", () => {
  test("gives what resolves to the same configuration", () => {
    expect(toFlags(schema, { tickMs: 20, dataDir: "/a b", reset: true })).toEqual([
      ...["--tick-ms", "20"],
      ...["--data-dir", "/a b"],
      "--reset",
    ]);
    expect(toFlags(schema, { dataDir: "a", reset: false })).toEqual(["--data-dir", "a"]);
  });
});
