import net from "node:net";

/** Where test clusters look for room; away from the ports that a system gives out by itself and from the defaults. */
const FIRST = 12_000;
const LAST = 28_000;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The first of `count` neighbouring ports that are free now. Chosen at random, so that suites beside each other do not meet. */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no ${count} neighbouring free ports between ${FIRST} and ${LAST}`);
}
