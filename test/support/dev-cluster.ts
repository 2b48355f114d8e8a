import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "./eventually.js";
import { freePorts } from "./free-ports.js";

export const builtMain = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;

export interface DevClusterOptions {
  readonly data: string;
  readonly nodes?: number;
  /** Further flags, as typed. */
  readonly flags?: readonly string[];
  /** Where a cluster listens; else some free place. */
  readonly firstPort?: number;
}

/** The built program, run as a user runs it: `marconi dev` with real processes. */
export class DevCluster {
  readonly url: string;
  readonly data: string;
  readonly firstPort: number;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;
  #output = "";

  private constructor(options: DevClusterOptions, firstPort: number) {
    this.data = options.data;
    this.firstPort = firstPort;
    this.url = `http://127.0.0.1:${firstPort}`;
    const flags = [
      ...["--data", options.data, "--port", String(firstPort)],
      ...["--base-port", String(firstPort), "--metrics-base-port", String(firstPort + 20)],
      ...(options.nodes === undefined ? [] : ["--nodes", String(options.nodes)]),
      ...(options.flags ?? []),
    ];
    this.#child = spawn(process.execPath, [builtMain, "dev", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    this.#child.stderr?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    this.#exit = once(this.#child, "close");
  }

  /** Starts and does not wait: for a cluster that is expected to refuse. */
  static async launch(options: DevClusterOptions): Promise<DevCluster> {
    return new DevCluster(options, options.firstPort ?? (await freePorts(40)));
  }

  /** Resolves when requests are served. */
  static async start(options: DevClusterOptions): Promise<DevCluster> {
    const cluster = await DevCluster.launch(options);
    try {
      const up = () => cluster.output.includes("The gateway listens on");
      await eventually("the cluster serves", () => up() || cluster.#child.exitCode !== null, START_MS_MAX);
      if (!up()) throw new Error("the cluster ended instead of serving");
    } catch (error) {
      cluster.kill();
      throw new Error(`${String(error)}\n${cluster.output}\n${cluster.logs()}`, { cause: error });
    }
    return cluster;
  }

  /** What it has printed so far. */
  get output(): string {
    return this.#output;
  }

  /** The processes of the cluster that live now, by name; the supervisor writes them down for itself. */
  pids(): Map<string, number> {
    const lock = JSON.parse(fs.readFileSync(path.join(this.data, "lock.json"), "utf8")) as {
      readonly children: readonly { readonly name: string; readonly pid: number }[];
    };
    return new Map(lock.children.map(({ name, pid }) => [name, pid]));
  }

  metricsUrl(name: string): string {
    const number = name === "gateway" ? 0 : Number(name.slice(1));
    return `http://127.0.0.1:${this.firstPort + 20 + number}`;
  }

  /** The exit code once it has ended by itself. */
  async ended(): Promise<number | null> {
    const [code] = await this.#exit;
    return code as number | null;
  }

  /** Ctrl-C; the exit code. */
  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    this.#child.kill(signal);
    const bound = setTimeout(() => this.kill(), STOP_MS_MAX);
    const code = await this.ended();
    clearTimeout(bound);
    return code;
  }

  /** Kills the supervisor alone; its processes notice and stop. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** The end of every log, for the report of a failure. */
  logs(): string {
    const folder = path.join(this.data, "logs");
    if (!fs.existsSync(folder)) return "";
    return fs
      .readdirSync(folder)
      .map((name) => `--- ${name}\n${fs.readFileSync(path.join(folder, name), "utf8").slice(-4_000)}`)
      .join("\n");
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
