import { describe, expect, test } from "@jest/globals";
import { createServer } from "node:net";
import { ProcessProbe, splitAddress } from "../../src/peer/process-probe.js";

function listen(): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((socket) => socket.on("error", () => undefined));
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      resolve({ port, close: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

const isProcessGone = (address: string, timeoutMs: number): Promise<boolean> =>
  new ProcessProbe(address).isGone(timeoutMs, new AbortController().signal);

describe("whether a process is gone", () => {
  test("a refusal proves it, a connection disproves it", async () => {
    const { port, close } = await listen();
    const address = `127.0.0.1:${String(port)}`;
    expect(await isProcessGone(address, 1_000)).toBe(false);
    await close();
    expect(await isProcessGone(address, 1_000)).toBe(true);
  });

  test("a name that nobody knows proves nothing", async () => {
    expect(await isProcessGone("nobody.invalid:1", 1_000)).toBe(false);
  });

  test.each([
    ["127.0.0.1:7", "127.0.0.1", 7],
    ["[::1]:7101", "::1", 7101],
    ["node-0.marconi:80", "node-0.marconi", 80],
  ])("%s is split", (address, host, port) => {
    expect(splitAddress(address)).toEqual({ host, port });
  });
});
