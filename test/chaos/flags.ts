import type { FaultKind } from "./fault.js";
import { CommandFlags, flag, text } from "../support/command-flags.js";

export const scenarios = ["kill", "membership", "wipe"] as const;
export type ScenarioName = (typeof scenarios)[number];

export interface ChaosFlags {
  readonly scenario: ScenarioName;
  readonly nodes: number;
  /** Of scenario `membership`: to how many it grows. */
  readonly nodesMax: number;
  readonly partitions: number;
  readonly clients: number;
  readonly faults: number;
  readonly kinds: readonly FaultKind[];
  readonly durationMs: number;
  /** Of the scenarios that change the cluster: how long nothing changes before, in between and after. */
  readonly calmMs: number;
  /** Of scenario `membership`: nodes are killed and started again meanwhile. */
  readonly harms: boolean;
  readonly seed: number;
  /** Wait for claims to lapse at the end. */
  readonly patient: boolean;
  readonly keep: boolean;
  readonly folder: string | undefined;
  /** Into docs/performance.md. */
  readonly write: boolean;
}

const usage = `usage: npm run chaos -- [flags]
  --scenario kill    kill: nodes are killed and start again
                     membership: the cluster grows to --nodes-max and shrinks again
                     wipe: nodes are killed, lose their disks, and join again
  --nodes 3          storage nodes, 3 or 5
  --nodes-max 7      with --scenario membership
  --harm             with --scenario membership: nodes are killed and started again meanwhile
  --calm 10          seconds before, between and after changes, with --scenario membership or wipe
  --kills 30         faults at least; with --scenario wipe disks that are lost, 3
  --duration 60      seconds of faults at least
  --seed N           repeats the choices of a run: victims, waits, what clients do
  --double           two nodes at once
  --all              all nodes at once
  --pauses           SIGSTOP and SIGCONT
                     (each adds to single kills; --no-kill leaves those out)
  --short            a minute or so: 6 kills, or 3 -> 4 -> 3 nodes, or 1 disk; claims are not waited for at the end
  --clients 16 --partitions 12
  --folder DIR       where data is kept while it runs
  --keep             keep history, logs and data of a run that passed, too
  --write            put the outages into docs/performance.md`;

const flags = new CommandFlags(usage);
const options = {
  scenario: text,
  nodes: text,
  "nodes-max": text,
  calm: text,
  kills: text,
  duration: text,
  seed: text,
  clients: text,
  partitions: text,
  folder: text,
  double: flag,
  all: flag,
  pauses: flag,
  "no-kill": flag,
  harm: flag,
  short: flag,
  keep: flag,
  write: flag,
  help: flag,
} as const;

export function parseFlags(args: readonly string[]): ChaosFlags {
  const values = flags.parse(args, options);
  const short = values.short === true;
  const kinds: FaultKind[] = values["no-kill"] === true ? [] : ["kill"];
  if (values.double === true) kinds.push("double");
  if (values.all === true) kinds.push("all");
  if (values.pauses === true) kinds.push("pause");
  if (kinds.length === 0) return flags.refuse("--no-kill needs another kind of fault");
  const scenario = scenarioNamed(values.scenario ?? "kill");
  const wipes = scenario === "wipe";
  const nodes = flags.positive(values.nodes ?? "3");
  return {
    scenario,
    nodes,
    nodesMax: flags.positive(values["nodes-max"] ?? String(short ? nodes + 1 : nodes + 4)),
    harms: values.harm === true,
    calmMs: flags.positive(values.calm ?? (short ? "3" : "10")) * 1_000,
    partitions: flags.positive(values.partitions ?? "12"),
    clients: flags.positive(values.clients ?? (short ? "8" : "16")),
    faults: flags.positive(values.kills ?? (wipes ? (short ? "1" : "3") : short ? "6" : "30")),
    kinds,
    durationMs: flags.positive(values.duration ?? (short ? "20" : "60")) * 1_000,
    seed: values.seed === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : flags.positive(values.seed),
    patient: !short,
    keep: values.keep === true,
    folder: values.folder,
    write: values.write === true,
  };
}

function scenarioNamed(name: string): ScenarioName {
  const found = scenarios.find((scenario) => scenario === name);
  return found ?? flags.refuse(`"${name}" is none of ${scenarios.join(", ")}`);
}
