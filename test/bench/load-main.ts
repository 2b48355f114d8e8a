/** The load generator's process: takes one order after the other over its channel to the benchmark. */
import { setTimeout as sleep } from "node:timers/promises";
import { LoadConnection } from "./load-connection.js";
import type { FromLoad, LoadOrder, ToLoad } from "./load-protocol.js";
import { LoadTally } from "./load-tally.js";

/** An answer that does not come by then is given up. */
const HANG_UP_MS_MAX = 15_000;

function tell(message: FromLoad): void {
  process.send?.(message);
}

async function run(order: LoadOrder): Promise<void> {
  const tally = new LoadTally(order.messagesMax);
  const connections = Array.from({ length: order.connections }, (_, i) => new LoadConnection(order, i, tally));
  const ended = Promise.all(connections.map((connection) => connection.ended));
  await sleep(order.warmupMs);
  tally.open();
  tell({ type: "opened" });
  if (order.periodMs !== undefined) await periods(order.periodMs, tally);
  else if (order.messagesMax > 0) await ended;
  else await sleep(order.measureMs);
  // What comes while connections hang up is not measured.
  const result = tally.close();
  tell({ type: "closed", result });
  for (const connection of connections) connection.stop();
  const patience = setTimeout(() => {
    for (const connection of connections) connection.stop(true);
  }, HANG_UP_MS_MAX);
  await ended;
  clearTimeout(patience);
  tell({ type: "idle" });
}

/** Tells of one period after the other, until there is word to stop. */
async function periods(periodMs: number, tally: LoadTally): Promise<void> {
  const timer = setInterval(() => {
    tell({ type: "period", result: tally.close() });
    tally.open();
  }, periodMs);
  await stopped();
  clearInterval(timer);
}

function stopped(): Promise<void> {
  return new Promise((resolve) => {
    process.on("message", function listen(message: ToLoad) {
      if (message !== "stop") return;
      process.off("message", listen);
      resolve();
    });
  });
}

process.on("message", (message: ToLoad) => {
  if (message !== "stop") void run(message.order);
});
process.once("disconnect", () => process.exit(0));
tell({ type: "ready" });
