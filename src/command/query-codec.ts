import { ByteReader, type ByteWriter, DecodeError } from "../base/index.js";
import { readClaimId, readMessageId, writeClaimId, writeMessageId } from "./command-codec.js";
import { clientIdBytes } from "./limits.js";
import { opCodes, queryOperation } from "./operations.js";
import type { Query } from "./types.js";

/**
 * Layout of a query, little endian: `op u8 | project text16 | queue text16 |` and by operation
 * - list-queues: `marker text16 | limit u16 | detailed u8`
 * - list-messages: `afterSequence u64 | limit u16 | includeClaimed u8 | withoutClient u8 [| clientId 16]`
 * - get-messages: `count u16 | (incarnation u64 | sequence u64)*`
 * - get-claim: `index u64 | ordinal u32`
 * Appends to `out`.
 */
export function encodeQuery(out: ByteWriter, query: Query): void {
  out.u8(opCodes[query.op]);
  out.text16(query.project);
  out.text16(query.queue);
  switch (query.op) {
    case "get-queue":
    case "queue-stats":
      break;
    case "list-queues":
      out.text16(query.marker);
      out.u16(query.limit);
      out.u8(query.detailed ? 1 : 0);
      break;
    case "list-messages":
      out.u64(query.afterSequence);
      out.u16(query.limit);
      out.u8(query.includeClaimed ? 1 : 0);
      out.u8(query.withoutClient === undefined ? 0 : 1);
      if (query.withoutClient !== undefined) out.raw(query.withoutClient);
      break;
    case "get-messages":
      out.u16(query.ids.length);
      for (const id of query.ids) writeMessageId(out, id);
      break;
    case "get-claim":
      writeClaimId(out, query.claim);
      break;
  }
}

/** Throws DecodeError for bytes that encodeQuery does not write. Byte fields alias the input. */
export function decodeQuery(bytes: Uint8Array): Query {
  const reader = new ByteReader(bytes);
  const code = reader.u8();
  const op = queryOperation(code);
  if (op === undefined) throw new DecodeError(`unknown query ${String(code)}`);
  const query = decodeBody(op, reader.text16(), reader.text16(), reader);
  reader.finish();
  return query;
}

function decodeBody(op: Query["op"], project: string, queue: string, reader: ByteReader): Query {
  switch (op) {
    case "get-queue":
    case "queue-stats":
      return { op, project, queue };
    case "list-queues":
      return { op, project, queue, marker: reader.text16(), limit: reader.u16(), detailed: reader.u8() !== 0 };
    case "list-messages":
      return {
        op,
        project,
        queue,
        afterSequence: reader.u64(),
        limit: reader.u16(),
        includeClaimed: reader.u8() !== 0,
        withoutClient: reader.u8() === 0 ? undefined : reader.raw(clientIdBytes),
      };
    case "get-messages": {
      const ids = [];
      for (let left = reader.u16(); left > 0; left--) ids.push(readMessageId(reader));
      return { op, project, queue, ids };
    }
    case "get-claim":
      return { op, project, queue, claim: readClaimId(reader) };
  }
}
