import { lookup } from "node:dns/promises";
import { connect } from "node:net";

/** Asks the kernel of a peer's host whether anything listens at an address (host:port), as often as one likes. */
export class ProcessProbe {
  readonly #resolve: (host: string) => Promise<readonly string[]>;
  readonly #host: string;
  readonly #port: number;
  /** Looked up once: a name server is not to be asked every few milliseconds, and it is the process behind the old answer that matters. */
  #addresses: readonly string[] | undefined;

  /** `resolve` never rejects: a name that nobody knows has no addresses. */
  constructor(address: string, resolve = addressesOf) {
    this.#resolve = resolve;
    const { host, port } = splitAddress(address);
    this.#host = host;
    this.#port = port;
  }

  /**
   * True only when every address behind the name refuses: proof that the process is gone. Silence for `timeoutMs`, success,
   * a reset or any other error prove nothing. Never rejects; false when `signal` aborts.
   */
  async isGone(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    this.#addresses ??= await this.#resolve(this.#host);
    if (this.#addresses.length === 0 || signal.aborted) return false;
    const answers = this.#addresses.map((address) => refuses(address, this.#port, timeoutMs, signal));
    return (await Promise.all(answers)).every((refused) => refused);
  }
}

async function addressesOf(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}

function refuses(host: string, port: number, timeout: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout });
    const settle = (refused: boolean): void => {
      // The signal outlives many questions: a listener per question must not stay on it, as those of a socket would.
      signal.removeEventListener("abort", proveNothing);
      socket.destroy();
      resolve(refused);
    };
    const proveNothing = (): void => {
      settle(false);
    };
    signal.addEventListener("abort", proveNothing);
    socket.once("connect", proveNothing);
    socket.once("timeout", proveNothing);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      settle(error.code === "ECONNREFUSED");
    });
  });
}

/** Splits host:port; an IPv6 host stands in brackets. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host, port: Number(address.slice(colon + 1)) };
}
