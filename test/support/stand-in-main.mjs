// Stands in for dist/main.js where a supervisor is tested: it listens where a real process would answer for its readiness.
// Its manner comes from the environment: STAND_IN_<NAME> = refuse | crash | stubborn | mute.
import http from "node:http";
import process from "node:process";

const [command, ...flags] = process.argv.slice(2);
const flag = (name) => flags[flags.indexOf(`--${name}`) + 1];
const name = command === "node" ? flag("node-id") : "gateway";
const manner = process.env[`STAND_IN_${name.toUpperCase()}`];
const host = flag("listen").split(":")[0];
const log = (level, msg) => process.stdout.write(`${JSON.stringify({ level, msg })}\n`);

log("info", `${name} starts`);
if (manner === "refuse") {
  log("fatal", "the data folder is of another cluster");
  process.exit(3);
}
if (manner === "crash") throw new Error("something broke");

const server = http.createServer((request, response) => {
  if (request.url === "/warn") log("warn", "the disk is nearly full");
  // Every node leads as many partitions as the next.
  const nodes = command === "node" ? flag("members").split(",") : [];
  const own = nodes.findIndex((member) => member.startsWith(`${name}=`));
  const metrics = Array.from(
    { length: Number(flag("partitions")) || 0 },
    (_, i) => `marconi_raft_is_leader{partition="${i}"} ${i % nodes.length === own ? 1 : 0}\n`,
  );
  response.end(request.url === "/metrics" ? metrics.join("") : "ok\n");
});
if (manner !== "mute") server.listen(Number(flag("metrics-port")), host);
else setInterval(() => undefined, 1_000);

const stop = () => {
  if (manner === "stubborn") return;
  log("info", `${name} stops`);
  process.exit(0);
};
process.on("SIGTERM", stop);
process.on("disconnect", stop);
