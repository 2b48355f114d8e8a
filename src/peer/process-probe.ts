import { connect } from "node:net";

/**
 * Asks the kernel of a peer's host whether anything listens at `address` (host:port). True only on a refusal: proof that the
 * process is gone. Silence, success or any other error prove nothing.
 */
export function isProcessGone(address: string, timeoutMs: number): Promise<boolean> {
  const { host, port } = splitAddress(address);
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const settle = (gone: boolean): void => {
      socket.destroy();
      resolve(gone);
    };
    socket.once("connect", () => {
      settle(false);
    });
    socket.once("timeout", () => {
      settle(false);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
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
