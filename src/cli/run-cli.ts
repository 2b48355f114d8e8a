import fs from "node:fs";
import path from "node:path";
import { ClusterAdmin } from "../admin/index.js";
import { systemClock, systemTimers } from "../base/index.js";
import {
  type Environment,
  type GatewayConfig,
  type LogLevel,
  type NodeConfig,
  type OperatorConfig,
  type RunningProcess,
} from "../config/index.js";
import { runDev } from "./dev/dev-command.js";
import { ExitCode } from "./exit-code.js";
import { type ProcessEnvironment, ProcessHost } from "./host-process.js";
import { operate } from "./operator/operate.js";
import type { OperatorRequest } from "./operator/request.js";
import { Program } from "./program.js";
import type { Terminal } from "./terminal.js";

/** The part of a process's log that hosting it uses. */
export interface ProcessLog {
  info(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
}

export interface ProcessContext<Log> {
  readonly log: Log;
  /** Ends the process at once: called after an error that must not be survived. */
  fatal(error: Error): void;
}

export interface CliOptions<Log extends ProcessLog> {
  readonly version: string;
  /** The JavaScript file that the processes of a dev cluster run. */
  readonly entry: string;
  readonly environment: Environment;
  readonly terminal: Terminal;
  readonly process: ProcessEnvironment;
  readonly openLog: (name: string, level: LogLevel) => Log;
  readonly runNode: (config: NodeConfig, context: ProcessContext<Log>) => Promise<RunningProcess>;
  readonly runGateway: (config: GatewayConfig, context: ProcessContext<Log>) => Promise<RunningProcess>;
  /** File names and contents of the generated reference. */
  readonly reference: () => ReadonlyMap<string, string>;
}

/** @param args the words after `marconi`. Resolves to the exit code, or undefined when a process was started and runs. */
export function runCli<Log extends ProcessLog>(
  args: readonly string[],
  options: CliOptions<Log>,
): Promise<ExitCode | undefined> {
  const { version, entry, environment, terminal, reference } = options;
  return new Program({
    version,
    environment,
    terminal,
    actions: {
      node: (config) => host(options, `node ${config.nodeId}`, config, (context) => options.runNode(config, context)),
      gateway: (config) => host(options, "gateway", config, (context) => options.runGateway(config, context)),
      dev: ({ config, sources }) => runDev({ config, sources, version, entry, terminal }),
      operate: (request, config) => runOperator(request, config, terminal),
      docs: (folder) => {
        for (const [name, content] of reference()) fs.writeFileSync(path.join(folder, name), content);
        return Promise.resolve(ExitCode.ok);
      },
    },
  }).run(args);
}

/** Whoever reads may have enough (`| head`): what is said after that is for nobody, and no failure. */
const deaf = (): void => undefined;

async function runOperator(request: OperatorRequest, config: OperatorConfig, terminal: Terminal): Promise<ExitCode> {
  const admin = new ClusterAdmin({ addresses: config.node, timeoutMs: config.timeoutMs });
  if (!process.stdout.listeners("error").includes(deaf)) process.stdout.on("error", deaf);
  try {
    return await operate(request, { admin, config, terminal, timers: systemTimers, clock: systemClock });
  } finally {
    admin.close();
  }
}

async function host<Log extends ProcessLog>(
  options: CliOptions<Log>,
  name: string,
  config: { readonly stopTimeoutMs: number; readonly logLevel: LogLevel },
  start: (context: ProcessContext<Log>) => Promise<RunningProcess>,
): Promise<undefined> {
  const log = options.openLog(name, config.logLevel);
  await new ProcessHost({
    name,
    stopTimeoutMs: config.stopTimeoutMs,
    start: (fatal) => start({ log, fatal }),
    report: (severity, message, error) => log[severity](error === undefined ? {} : { err: error }, message),
    environment: options.process,
  }).run();
  return undefined;
}
