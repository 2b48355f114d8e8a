import type { Exchange } from "../exchange.js";
import { empty, json, type Reply } from "../reply.js";

/** Version 1 says with most answers to a GET what it is the answer to. */
export function located(exchange: Exchange, status: number, body: string | Buffer): Reply {
  return json(status, body, ["Content-Location", exchange.target]);
}

export function locatedEmpty(exchange: Exchange, status: number): Reply {
  return empty(status, ["Content-Location", exchange.target]);
}
