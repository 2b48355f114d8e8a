import { addressShape } from "./address.js";
import type { ConfigOf, Schema } from "./schema.js";
import { flag, integer, list } from "./setting.js";

const operatorSettings = {
  node: list<string>({
    fallback: ["127.0.0.1:7101"],
    of: addressShape,
    doc: "Storage nodes to ask first; the others of the cluster are learnt from them.",
  }),
  timeoutMs: integer({
    fallback: 10_000,
    min: 100,
    max: 600_000,
    doc:
      "How long one question to the cluster may take, in milliseconds, with all that it takes to find whoever can answer. " +
      "An election of the leader takes up to 2 s.",
  }),
  waitTimeoutMs: integer({
    fallback: 3_600_000,
    min: 100,
    max: 604_800_000,
    doc: "How long --wait waits, in milliseconds. What was begun goes on without it.",
  }),
  json: flag({ doc: "Print one JSON document instead of text." }),
};

export type OperatorConfig = ConfigOf<typeof operatorSettings>;

export const operatorSchema: Schema<typeof operatorSettings> = {
  command: "cluster",
  note: "Also of `marconi partition`, `marconi leader`, and `marconi node drain`, `undrain`, `remove` and `replace`.",
  environmentPrefix: "MARCONI_",
  settings: operatorSettings,
  conflicts: () => [],
};
