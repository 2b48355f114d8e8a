import { Command, CommanderError, Option } from "commander";
import {
  ConfigError,
  type ConfigOf,
  devSchema,
  type Environment,
  flagName,
  type Flags,
  gatewaySchema,
  nodeSchema,
  type OperatorConfig,
  operatorSchema,
  refuseUnknownVariables,
  resolve,
  type Resolved,
  type Schema,
  type Settings,
  showConfig,
} from "../config/index.js";
import { ExitCode } from "./exit-code.js";
import { addOperatorCommands } from "./operator/commands.js";
import type { OperatorRequest } from "./operator/request.js";
import type { Terminal } from "./terminal.js";

type Action<T extends Settings> = (resolved: Resolved<T>) => Promise<ExitCode | undefined>;

/** What each command does once its configuration is known; undefined: it goes on running. */
export interface Actions {
  readonly node: (config: ConfigOf<typeof nodeSchema.settings>) => Promise<ExitCode | undefined>;
  readonly gateway: (config: ConfigOf<typeof gatewaySchema.settings>) => Promise<ExitCode | undefined>;
  readonly dev: Action<typeof devSchema.settings>;
  readonly operate: (request: OperatorRequest, config: OperatorConfig) => Promise<ExitCode | undefined>;
  readonly docs: (folder: string) => Promise<ExitCode | undefined>;
}

export interface ProgramOptions {
  readonly version: string;
  readonly actions: Actions;
  readonly environment: Environment;
  readonly terminal: Terminal;
}

const exitCodes = `
Exit codes: 0 done, or stopped as asked; 1 broke, or did not stop in time; 2 wrong flags or environment; 3 refuses what it
found (a data folder of another cluster or of a newer format or in use, a port that is taken), or is refused by the cluster.
Every flag can also be given in the environment, as MARCONI_<FLAG>, for the dev cluster as MARCONI_DEV_<FLAG>.`;

/** @param keys left out: all of the schema */
function addFlags<T extends Settings>(command: Command, schema: Schema<T>, keys?: readonly string[]): void {
  for (const [key, setting] of Object.entries(schema.settings)) {
    if (keys?.includes(key) === false) continue;
    const value = setting.isSwitch ? "" : ` <${setting.form}>`;
    const fallback =
      setting.fallback === undefined ? "required" : `default ${setting.format(setting.fallback as never)}`;
    const note = setting.isSwitch || fallback === "default " ? "" : ` (${fallback})`;
    const option = new Option(`--${flagName(key)}${value}`, `${setting.doc}${note}`);
    if (setting.isList)
      option.argParser((text: string, before: string | undefined) =>
        before === undefined ? text : `${before},${text}`,
      );
    command.addOption(option);
  }
}

/** `marconi node` runs a node and has commands, too: without this a misspelt one would be taken for an argument of the former. */
function refuseUnknownNodeCommand(program: Command, [first, second]: readonly string[]): void {
  if (first !== nodeSchema.command || second === undefined || second.startsWith("-")) return;
  const node = program.commands.find((command) => command.name() === first);
  const names = node?.commands.map((command) => command.name()) ?? [];
  if (!names.includes(second) && second !== "help")
    program.error(
      `error: unknown command '${first} ${second}'; there are ${names.map((name) => `${first} ${name}`).join(", ")}`,
    );
}

/** Parses a command line and performs it. */
export class Program {
  readonly #options: ProgramOptions;
  #outcome: ExitCode | undefined = ExitCode.ok;

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  /** @param args the words after `marconi`. Resolves to the exit code, or undefined when a process was started and runs. */
  async run(args: readonly string[]): Promise<ExitCode | undefined> {
    const { terminal } = this.#options;
    try {
      const program = this.#command();
      refuseUnknownNodeCommand(program, args);
      await program.parseAsync(args, { from: "user" });
      return this.#outcome;
    } catch (error) {
      // Commander has written its message already; asking for help or for the version is no failure.
      if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) terminal.warn(`marconi: ${problem}`);
      return ExitCode.usage;
    }
  }

  #command(): Command {
    const { actions, terminal, version } = this.#options;
    const program = new Command("marconi")
      .description("A durable, clustered message queue with a REST API.")
      .version(version)
      .addHelpText("after", exitCodes)
      .exitOverride()
      .configureOutput({
        writeOut: (text) => terminal.say(text.trimEnd()),
        writeErr: (text) => terminal.warn(text.trimEnd()),
      });
    const node = this.#process(program, nodeSchema, "run one storage node", ({ config }) => actions.node(config));
    this.#process(program, gatewaySchema, "run one gateway", ({ config }) => actions.gateway(config));
    this.#process(program, devSchema, "run a whole cluster on this machine", actions.dev);
    // Flags before a command are of the process, flags after it of the command: both have a --node-id or a --node.
    for (const command of [program, node]) command.enablePositionalOptions();
    node.helpCommand(true);
    addOperatorCommands(
      program,
      node,
      (command, keys) => addFlags(command, operatorSchema, keys),
      async (request, flags) => {
        this.#outcome = await actions.operate(request, this.#resolve(operatorSchema, flags).config);
      },
    );
    const config = program.command("config").description("show the configuration that a command would run with");
    this.#show(config, nodeSchema);
    this.#show(config, gatewaySchema);
    this.#show(config, devSchema);
    program
      .command("docs", { hidden: true })
      .argument("<folder>", "where to write")
      .description("write the reference of settings, errors and metrics")
      .action(async (folder: string) => {
        this.#outcome = await actions.docs(folder);
      });
    return program;
  }

  #process<T extends Settings>(parent: Command, schema: Schema<T>, description: string, action: Action<T>): Command {
    const command = parent.command(schema.command).description(description).allowExcessArguments(false);
    addFlags(command, schema);
    command.action(async (flags: Flags) => {
      this.#outcome = await action(this.#resolve(schema, flags));
    });
    return command;
  }

  #show<T extends Settings>(parent: Command, schema: Schema<T>): void {
    const command = parent.command(schema.command).description(`... marconi ${schema.command}`);
    addFlags(command, schema);
    command.action((flags: Flags) => {
      this.#options.terminal.say(showConfig(schema, this.#resolve(schema, flags)).trimEnd());
    });
  }

  #resolve<T extends Settings>(schema: Schema<T>, flags: Flags): Resolved<T> {
    refuseUnknownVariables(this.#options.environment);
    return resolve(schema, flags, this.#options.environment);
  }
}
