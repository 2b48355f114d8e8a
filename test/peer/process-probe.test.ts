import { describe, expect, test } from "@jest/globals";
import { spawn } from "node:child_process";
import { connect, createServer, type Server, type Socket } from "node:net";
import { systemTimers, type Timer } from "../../src/base/index.js";
import { peerLimits } from "../../src/peer/limits.js";
import { ProcessProbe, splitAddress } from "../../src/peer/process-probe.js";
import { Suspicion } from "../../src/peer/suspicion.js";
import { sleep } from "./test-node.js";

const never = new AbortController().signal;

function listen(onConnection: (socket: Socket) => void = () => undefined): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    onConnection(socket);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve({ server, port: (server.address() as { port: number }).port });
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}

describe("whether a process is gone", () => {
  test("a refusal proves it, a connection disproves it", async () => {
    const { server, port } = await listen();
    const probe = new ProcessProbe(`127.0.0.1:${String(port)}`);
    expect(await probe.isGone(1_000, never)).toBe(false);
    await closed(server);
    expect(await probe.isGone(1_000, never)).toBe(true);
  });

  test("a name is looked up once, and all of its addresses must refuse", async () => {
    const { server, port } = await listen();
    const looked: string[] = [];
    const probe = new ProcessProbe(`node-0.marconi:${String(port)}`, (host) => {
      looked.push(host);
      return Promise.resolve(["127.0.0.2", "127.0.0.1"]);
    });
    expect(await probe.isGone(1_000, never)).toBe(false);
    await closed(server);
    expect(await probe.isGone(1_000, never)).toBe(true);
    expect(looked).toEqual(["node-0.marconi"]);
  });

  test("a name that nobody knows proves nothing", async () => {
    const probe = new ProcessProbe("nobody.invalid:1");
    expect([await probe.isGone(1_000, never), await probe.isGone(1_000, never)]).toEqual([false, false]);
  });

  test("a question that is dropped proves nothing, and leaves nothing on the signal for those after it", async () => {
    const { server, port } = await listen();
    const probe = new ProcessProbe(`127.0.0.1:${String(port)}`);
    const over = new AbortController();
    const listeners = new Set<unknown>();
    const { signal } = over;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (type: "abort", listener: () => void) => {
      listeners.add(listener);
      add(type, listener);
    };
    signal.removeEventListener = (type: "abort", listener: () => void) => {
      listeners.delete(listener);
      remove(type, listener);
    };
    for (let i = 0; i < 3; i++) await probe.isGone(1_000, signal);
    expect(listeners.size).toBe(0);
    await closed(server);
    const answer = probe.isGone(1_000, signal);
    over.abort();
    expect([await answer, await probe.isGone(1_000, signal), listeners.size]).toEqual([false, false, 0]);
  });

  test.each<[string, (socket: Socket) => void]>([
    ["accepts", () => undefined],
    ["resets", (socket) => socket.resetAndDestroy()],
  ])("is found out although a dying process first %s", async (_, dying) => {
    const sockets: Socket[] = [];
    const { server, port } = await listen((socket) => {
      sockets.push(socket);
      dying(socket);
    });
    const probe = new ProcessProbe(`127.0.0.1:${String(port)}`);
    let told = 0;
    const suspicion = new Suspicion(
      systemTimers,
      (signal) => probe.isGone(peerLimits.probeTimeoutMs, signal),
      () => told++,
    );
    await sleep(150);
    expect(told).toBe(0);
    expect(sockets.length).toBeGreaterThan(1);
    await closed(server);
    await sleep(150);
    expect(told).toBe(1);
    suspicion.cancel();
  });

  test("is found out soon after a process that holds much memory is killed", async () => {
    const child = spawn(process.execPath, ["-e", holder], { stdio: ["ignore", "pipe", "ignore"] });
    const port = Number(await new Promise((resolve) => child.stdout.once("data", (bytes) => resolve(String(bytes)))));
    const held = connect({ host: "127.0.0.1", port });
    await new Promise((resolve) => held.once("connect", resolve));
    held.on("error", () => undefined);
    const probe = new ProcessProbe(`127.0.0.1:${String(port)}`);
    expect(await probe.isGone(1_000, never)).toBe(false);
    child.kill("SIGKILL");
    let deadline: Timer | undefined;
    const gone = await new Promise((resolve) => {
      const suspicion = new Suspicion(
        systemTimers,
        (signal) => probe.isGone(peerLimits.probeTimeoutMs, signal),
        () => {
          resolve(true);
        },
      );
      deadline = systemTimers.after(peerLimits.suspicionMs + 500, () => {
        suspicion.cancel();
        resolve(false);
      });
    });
    expect(gone).toBe(true);
    deadline?.cancel();
    held.destroy();
  });

  test.each([
    ["127.0.0.1:7", "127.0.0.1", 7],
    ["[::1]:7101", "::1", 7101],
    ["node-0.marconi:80", "node-0.marconi", 80],
  ])("%s is split", (address, host, port) => {
    expect(splitAddress(address)).toEqual({ host, port });
  });
});

/** Touches 200 MB, then listens and says where. */
const holder = `
  const memory = Buffer.alloc(200 * 1024 * 1024, 1);
  const server = require("node:net").createServer((socket) => socket.on("error", () => memory[0]));
  server.listen(0, "127.0.0.1", () => process.stdout.write(String(server.address().port)));
`;
