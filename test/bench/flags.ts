import type { Times } from "./measurement.js";
import { type Choice, fullChoice, quickChoice, type Scenario, scenariosOf } from "./scenario.js";
import { CommandFlags, flag, text } from "../support/command-flags.js";

export interface BenchFlags {
  readonly nodes: number;
  readonly partitions: number;
  readonly scenarios: readonly Scenario[];
  readonly times: Times;
  readonly folder: string | undefined;
  /** Into docs/performance.md. */
  readonly write: boolean;
}

const usage = `usage: npm run bench -- [flags]
  --quick               100-byte bodies on 16 and 64 connections, 3 s a row
  --kinds post,cycle    post: post, over and over; cycle: post, claim, delete
  --bodies 100,1024     bytes of a message's body
  --per-request 1,10,100
                        messages per post; a claim takes as many, at most 20
  --connections 1,16,64,256
  --queues 16           queues that share the load; 1: one node leads, the others follow. Without it, both are measured
  --only TEXT           rows whose name has this in it, e.g. post/100B/c64/x1/q16
  --seconds 5 --warmup 2
                        per row
  --nodes 3 --partitions 12
  --folder DIR          where data is kept while it runs
  --write               put the tables into docs/performance.md`;

const flags = new CommandFlags(usage);
const options = {
  quick: flag,
  write: flag,
  help: flag,
  kinds: text,
  bodies: text,
  connections: text,
  "per-request": text,
  queues: text,
  only: text,
  seconds: text,
  warmup: text,
  folder: text,
  nodes: text,
  partitions: text,
} as const;

/** One leader's and followers' cost are told apart on these rows. */
const roleChoice = { bodies: [100], connections: [64], queues: [1] };

export function parseFlags(args: readonly string[]): BenchFlags {
  const values = flags.parse(args, options);
  const base = values.quick === true ? quickChoice : fullChoice;
  const numbers = (text: string | undefined, fallback: readonly number[]): readonly number[] =>
    text === undefined ? fallback : text.split(",").map((value) => flags.positive(value));
  const choice: Choice = {
    kinds: (values.kinds?.split(",") ?? base.kinds).map(kindOf),
    bodies: numbers(values.bodies, base.bodies),
    connections: numbers(values.connections, base.connections),
    perRequest: numbers(values["per-request"], base.perRequest),
    queues: numbers(values.queues, base.queues),
    only: values.only ?? "",
  };
  const roles = values.queues === undefined ? scenariosOf({ ...choice, ...roleChoice }) : [];
  return {
    nodes: flags.positive(values.nodes ?? "3"),
    partitions: flags.positive(values.partitions ?? "12"),
    scenarios: [...scenariosOf(choice), ...roles],
    times: {
      measureMs: flags.positive(values.seconds ?? (values.quick === true ? "3" : "5")) * 1_000,
      warmupMs: flags.positive(values.warmup ?? "2") * 1_000,
    },
    folder: values.folder,
    write: values.write === true,
  };
}

function kindOf(text: string): Scenario["kind"] {
  return text === "post" || text === "cycle" ? text : flags.refuse(`"${text}" is neither post nor cycle`);
}
