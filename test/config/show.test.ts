import { expect, test } from "@jest/globals";
import { resolve, type Schema } from "../../src/config/schema.js";
import { text } from "../../src/config/setting.js";
import { showConfig } from "../../src/config/show.js";

test("shows values with their sources and masks secrets", () => {
  const settings = {
    folder: text({ doc: "a folder", form: "a folder", pattern: /^/, fallback: "" }),
    tokenKey: text({ doc: "a key", form: "a key", pattern: /./, secret: true }),
  };
  const schema: Schema<typeof settings> = {
    command: "test",
    environmentPrefix: "MARCONI_",
    settings,
    conflicts: () => [],
  };
  const shown = showConfig(schema, resolve(schema, {}, { MARCONI_TOKEN_KEY: "hunter2" }));
  expect(shown).toBe("folder     -         default\ntoken-key  ********  environment\n");
});
