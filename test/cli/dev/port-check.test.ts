import { describe, expect, test } from "@jest/globals";
import { once } from "node:events";
import net from "node:net";
import { checkPorts } from "../../../src/cli/dev/port-check.js";
import { devSchema, resolve } from "../../../src/config/index.js";
import { freePorts } from "../../support/free-ports.js";

async function configOf(host = "127.0.0.1") {
  const port = await freePorts(20);
  const flags = { port: String(port), basePort: String(port), metricsBasePort: String(port + 10), host };
  return resolve(devSchema, flags, {}).config;
}

describe("ports", () => {
  test("that are free pass", async () => {
    await expect(checkPorts(await configOf(), [1, 2, 3])).resolves.toBeUndefined();
  });

  test("that are taken are named, all of them, with their flags", async () => {
    const config = await configOf();
    const taken = [config.port, config.metricsBasePort + 2].map((port) => net.createServer().listen(port, config.host));
    try {
      await Promise.all(taken.map((server) => once(server, "listening")));
      await expect(checkPorts(config, [1, 2])).rejects.toThrow(
        `port ${config.port} (the gateway) is in use: free it, or choose another with --port\n` +
          `port ${config.metricsBasePort + 2} (the metrics of node n2) is in use: free it, or choose another with --metrics-base-port`,
      );
    } finally {
      for (const server of taken) server.close();
    }
  });

  test("that two would listen on are named: nodes that joined later may get there", async () => {
    const config = await configOf();
    await expect(checkPorts(config, [1, 10])).rejects.toThrow(
      `port ${config.metricsBasePort} is wanted for the gateway's metrics and for node n10: change --metrics-base-port or --base-port`,
    );
  });

  test("on an address of another machine are refused as such", async () => {
    // From TEST-NET-1 (RFC 5737), which no machine has.
    await expect(checkPorts(await configOf("192.0.2.1"), [1])).rejects.toThrow(
      "choose an address of this machine with --host",
    );
  });
});
