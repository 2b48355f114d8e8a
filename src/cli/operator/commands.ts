import { type Command, Option } from "commander";
import { metaGroup } from "../../cluster/index.js";
import { ConfigError, flagName, type Flags, operatorSchema } from "../../config/index.js";
import type { OperatorRequest } from "./request.js";

/** Performs a request with the flags that every one of these commands takes. */
export type Perform = (request: OperatorRequest, flags: Flags) => Promise<void>;

/** Adds the flags of a schema to a command. */
export type AddFlags = (command: Command, keys: readonly string[]) => void;

const WAIT_KEYS: readonly string[] = ["waitTimeoutMs"];
const commonKeys = Object.keys(operatorSchema.settings).filter((key) => !WAIT_KEYS.includes(key));

interface Action {
  /** "drain <id>". */
  readonly usage: string;
  readonly description: string;
  /** What --wait waits for; undefined: there is nothing to wait for. */
  readonly waitsFor?: string;
  readonly options?: readonly Option[];
  /** @param flags those that are not of the schema */
  readonly request: (words: readonly string[], flags: Flags) => OperatorRequest;
}

const list = (text: string, before: string | undefined): string => (before === undefined ? text : `${before},${text}`);

const clusterActions: readonly Action[] = [
  {
    usage: "status",
    description: "show the nodes and what is not settled; exit code 0 when all is well, 1 when not",
    options: [new Option("--partitions", "Show all partitions.")],
    request: (_, flags) => ({ do: "status", partitions: flags["partitions"] === true }),
  },
  {
    usage: "set-replication-factor <copies>",
    description: "change how many copies of every message there shall be",
    waitsFor: "every partition has as many copies",
    request: ([copies = ""], flags) => ({
      do: "set-replication-factor",
      copies: copiesIn(copies),
      wait: flags["wait"] === true,
    }),
  },
];

const nodeActions: readonly Action[] = [
  {
    usage: "drain <id>",
    description: "move everything away from a node that stays a member",
    waitsFor: "the node holds nothing",
    request: ([id = ""], flags) => ({ do: "drain", id, wait: flags["wait"] === true }),
  },
  {
    usage: "undrain <id>",
    description: "let a node hold its share again",
    request: ([id = ""]) => ({ do: "undrain", id, wait: false }),
  },
  {
    usage: "remove <id>",
    description: "move everything away from a node, then let it be a member no longer; it may be down",
    waitsFor: "the node is no member any more",
    request: ([id = ""], flags) => ({ do: "remove", id, wait: flags["wait"] === true }),
  },
  {
    usage: "replace <id>",
    description: "move everything that a node holds to another one, then remove it; it may be down",
    waitsFor: "the node is no member any more",
    options: [new Option("--by <id>", "The node that shall hold it.").makeOptionMandatory()],
    request: ([id = ""], flags) => ({
      do: "replace",
      id,
      by: String(flags["by"]),
      wait: flags["wait"] === true,
    }),
  },
];

const partitionActions: readonly Action[] = [
  {
    usage: "list",
    description: "show who holds and who leads each partition",
    request: () => ({ do: "list" }),
  },
  {
    usage: "move <partition>",
    description: "have a partition, or meta, held by other nodes",
    waitsFor: "these nodes hold it and no others",
    options: [
      new Option("--to <id, ...>", "All nodes that shall hold it; the first should lead it.")
        .makeOptionMandatory()
        .argParser(list),
    ],
    request: ([partition = ""], flags) => ({
      do: "move",
      group: groupIn(partition),
      to: namesIn(String(flags["to"])),
      wait: flags["wait"] === true,
    }),
  },
];

const leaderActions: readonly Action[] = [
  {
    usage: "transfer <partition>",
    description: "have another node lead a partition, or meta",
    options: [new Option("--to <id>", "The node that shall lead it (default: whoever is up to date).")],
    request: ([partition = ""], flags) => ({
      do: "transfer",
      group: groupIn(partition),
      to: flags["to"] === undefined ? undefined : String(flags["to"]),
    }),
  },
];

/** @throws ConfigError */
function groupIn(text: string): number {
  if (text === "meta") return metaGroup;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ConfigError([`a partition is its number, or meta, not "${text}"`]);
}

function copiesIn(text: string): number {
  if (/^[1-7]$/.test(text)) return Number(text);
  throw new ConfigError([`copies of every message are 1..7, not "${text}"`]);
}

function namesIn(text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  if (!names.includes("")) return names;
  throw new ConfigError([`--to must name nodes, separated by commas, not "${text}"`]);
}

/**
 * The commands by which a cluster is operated. Those about nodes are added to `node`, which runs a node when it is given
 * flags and no command.
 */
export function addOperatorCommands(program: Command, node: Command, addFlags: AddFlags, perform: Perform): void {
  const groups: readonly (readonly [Command, readonly Action[]])[] = [
    [program.command("cluster").description("look at a cluster, and change its settings"), clusterActions],
    [node, nodeActions],
    [program.command("partition").description("see and change who holds a partition"), partitionActions],
    [program.command("leader").description("change who leads a partition"), leaderActions],
  ];
  for (const [parent, actions] of groups) for (const action of actions) addAction(parent, action, addFlags, perform);
}

function addAction(parent: Command, action: Action, addFlags: AddFlags, perform: Perform): void {
  const command = parent.command(action.usage).description(action.description).allowExcessArguments(false);
  for (const option of action.options ?? []) command.addOption(option);
  if (action.waitsFor !== undefined) command.option("--wait", `Wait until ${action.waitsFor}.`);
  addFlags(command, action.waitsFor === undefined ? commonKeys : [...commonKeys, ...WAIT_KEYS]);
  command.action(async () => {
    const [stray] = Object.keys(parent.opts());
    if (stray !== undefined)
      throw new ConfigError([`--${flagName(stray)} is no flag of marconi ${parent.name()} ${command.name()}`]);
    const flags: Flags = command.opts();
    const known = Object.entries(flags).filter(([key]) => key in operatorSchema.settings);
    await perform(action.request(command.args, flags), Object.fromEntries(known));
  });
}
