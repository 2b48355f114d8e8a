import type { IncomingMessage, ServerResponse } from "node:http";
import { ByteWriter } from "../base/index.js";
import { MarconiError } from "../contract/index.js";
import type { Admission } from "./admission.js";
import { invalidBody } from "./api-error.js";
import type { GatewayLimits } from "./limits.js";

/** What all exchanges of a gateway share. */
export interface ExchangeContext {
  readonly admission: Admission;
  readonly limits: GatewayLimits;
}

/** The part of an exchange that reading its body concerns. */
export interface BodySource {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly expectsContinue: boolean;
  closeConnection: boolean;
  heldBytes: number;
}

/** The client went away before its request was complete: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

/** One for all: nobody reads its stack, and clients vanish by the thousand. */
const clientGone = new ClientGone("the client closed its connection");

/**
 * Reads the whole body, with or without a declared length. A body that is refused is still read and dropped, up to a bound:
 * most clients look for the answer only when they have sent everything. See `Exchange.body`.
 */
export function readBody(exchange: BodySource, bytesMax: number, context: ExchangeContext): Promise<Buffer> {
  const { request } = exchange;
  const { discardBytesMax } = context.limits;
  const declaredBytes = Number(request.headers["content-length"] ?? 0);
  let refusal = declaredBytes > bytesMax ? tooLarge(bytesMax) : undefined;
  if (refusal !== undefined && (exchange.expectsContinue || declaredBytes > discardBytesMax)) {
    exchange.closeConnection = true;
    return Promise.reject(refusal);
  }
  if (exchange.expectsContinue) exchange.response.writeContinue();
  return new Promise<Buffer>((resolve, reject) => {
    // Most bodies come in one piece, which needs no copy. Others are gathered, because a list of many tiny pieces takes far
    // more memory than what is counted for it.
    let whole: Buffer | undefined;
    let pieces: ByteWriter | undefined;
    let receivedBytes = 0;
    let settled = false;
    const settle = (error: Error | undefined): void => {
      settled = true;
      if (error === undefined) resolve(pieces?.take() ?? whole ?? Buffer.alloc(0));
      else reject(error);
    };
    const keep = (chunk: Buffer): void => {
      if (whole === undefined && pieces === undefined) whole = chunk;
      else {
        if (pieces === undefined) (pieces = new ByteWriter(2 * receivedBytes)).raw(whole as Buffer);
        whole = undefined;
        pieces.raw(chunk);
      }
    };
    request.on("data", (chunk: Buffer) => {
      if (settled) return;
      receivedBytes += chunk.length;
      if (refusal === undefined) {
        if (receivedBytes > bytesMax) refusal = tooLarge(bytesMax);
        else if (context.admission.hold(chunk.length)) {
          exchange.heldBytes += chunk.length;
          keep(chunk);
        } else refusal = noRoom(context);
        if (refusal !== undefined) whole = pieces = undefined;
      } else if (receivedBytes > discardBytesMax) {
        exchange.closeConnection = true;
        settle(refusal);
      }
    });
    request.on("end", () => {
      if (!settled) settle(refusal);
    });
    request.on("close", () => {
      if (!settled) settle(clientGone);
    });
  });
}

function tooLarge(bytesMax: number): Error {
  return invalidBody(`The request body may not exceed ${bytesMax} bytes.`);
}

function noRoom(context: ExchangeContext): Error {
  const options = { retryAfterSec: context.limits.retryAfterSec };
  return new MarconiError("overloaded", "The gateway has too many request bodies in work.", options);
}
