/**
 * `marconi` on the command line: the commands, their configuration, the supervisor of a local cluster, and the operators' side
 * of any cluster. Imports base, contract, config, telemetry, cluster and admin; what a node and a gateway are is handed in by
 * `main.ts`. Promises: exit codes as in `exit-code.ts`; every process stops in order when asked, within a bound.
 */
export { type CliOptions, runCli } from "./run-cli.js";
export { reference } from "./reference.js";
export { processTerminal } from "./terminal.js";
