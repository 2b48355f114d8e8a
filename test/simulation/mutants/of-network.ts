import { create } from "@bufbuild/protobuf";
import { ExchangeRequestSchema } from "../../../src/gen/marconi/v1/partitions_pb.js";
import { isQuery } from "../../../src/command/index.js";
import type { PeerNetwork } from "../../../src/peer/index.js";
import { hooked, type Mutant } from "./mutant.js";

function networks(
  name: string,
  mix: Mutant["mix"],
  change: (network: PeerNetwork, strikes: () => boolean) => void,
  every = 1,
): Mutant {
  return hooked(name, mix, every, (hooks, strikes) => {
    hooks.network = (network) => {
      change(network, strikes);
      return network;
    };
  });
}

/** Changes each request's bytes before a gateway sends it. */
function requests(name: string, mix: Mutant["mix"], change: (request: Buffer) => void): Mutant {
  return {
    ...{ name, mix },
    plant: (sim) => {
      sim.hooks.requests = (frame) => {
        const payload = Buffer.from(frame.payload);
        let at = 0;
        for (const length of frame.lengths) {
          const request = payload.subarray(at, at + length);
          if (!isQuery(request)) change(request);
          at += length;
        }
        return create(ExchangeRequestSchema, { ...frame, payload });
      };
    },
  };
}

const SESSION_AT = 1;
const SEQUENCE_AT = 9;

export const mutantsOfNetwork: readonly Mutant[] = [
  networks(
    "a part of a snapshot gets lost without a word",
    "snapshots",
    (network, strikes) => {
      const send = network.sendSnapshotPart.bind(network);
      network.sendSnapshotPart = (to, part) =>
        send(to, part.rows.length === 0 || !strikes() ? part : { ...part, rows: new Uint8Array(0) });
    },
    4,
  ),
  networks("nobody hears one node's snapshots", "snapshots", (network) => {
    network.sendSnapshotPart = () => true;
  }),
  networks(
    "frames to a peer get lost without a word",
    "splits",
    (network, strikes) => {
      const send = network.send.bind(network);
      network.send = (to, frame) => strikes() || send(to, frame);
    },
    2,
  ),
  {
    name: "a repeat is sent under a new number",
    mix: "crashes",
    plant: (sim) => {
      const seen = new Set<string>();
      const inner = requests("", "crashes", (request) => {
        const key = request.toString("latin1", SESSION_AT, SEQUENCE_AT + 8);
        if (seen.has(key)) request.writeUInt32LE(request.readUInt32LE(SEQUENCE_AT) + 10_000, SEQUENCE_AT);
        seen.add(key);
      });
      inner.plant(sim);
    },
  },
  requests("all gateways share a session", "crashes", (request) => {
    request.writeUInt32LE(7, SESSION_AT);
    request.writeUInt32LE(0, SESSION_AT + 4);
  }),
];
