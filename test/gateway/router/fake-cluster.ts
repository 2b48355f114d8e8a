import { ByteReader, ByteWriter } from "../../../src/base/index.js";
import {
  commandOperation,
  decodeQuery,
  isQuery,
  writeFlag,
  writeNone,
  writePosted,
  writeSome,
} from "../../../src/command/index.js";
import { RequestStatus } from "../../../src/contract/index.js";
import type { Answer } from "./fake-answers.js";

interface Session {
  lowWater: number;
  readonly results: Map<number, Uint8Array>;
}

interface FakePartition {
  term: number;
  leader: string | undefined;
  serving: boolean;
  readonly sessions: Map<number, Session>;
  readonly queues: Map<string, number>;
}

/** One execution of a command by the cluster. */
export interface Effect {
  readonly partition: number;
  readonly session: number;
  readonly sequence: number;
  readonly op: string;
  readonly queue: string;
}

/** As nodes tell it. */
export interface MembershipList {
  readonly version: bigint;
  readonly members: { nodeId: string; address: string }[];
}

const nothing = new Uint8Array(0);

/** A node as the cluster needs it. */
export interface ClusterNode {
  readonly id: string;
  readonly address: string;
  pushLeader(partition: number, term: number, leaderNodeId: string, serving: boolean): void;
  pushMembership(membership: MembershipList): void;
  kill(): void;
}

/** The state that real nodes would replicate: who leads, and queues with results remembered by session and sequence. */
export class FakeCluster {
  readonly id: string;
  readonly nodes = new Map<string, ClusterNode>();
  readonly partitions: FakePartition[];
  readonly effects: Effect[] = [];
  #mapVersion = 1;
  #members: readonly string[] | undefined;

  constructor(partitionCount: number, id = "cluster-a") {
    this.id = id;
    this.partitions = Array.from({ length: partitionCount }, () => ({
      term: 0,
      leader: undefined,
      serving: false,
      sessions: new Map<number, Session>(),
      queues: new Map<string, number>(),
    }));
  }

  partition(index: number): FakePartition {
    const partition = this.partitions[index];
    if (partition === undefined) throw new RangeError(`no partition ${String(index)}`);
    return partition;
  }

  /** All nodes, unless `setMembers` was called. */
  get membership(): MembershipList {
    const nodes = [...this.nodes.values()].filter(({ id }) => this.#members?.includes(id) ?? true);
    return {
      version: BigInt(this.#mapVersion),
      members: nodes.map(({ id, address }) => ({ nodeId: id, address })),
    };
  }

  /** Makes the next version of the map, and has every node, former members included, tell of it. */
  setMembers(nodeIds: readonly string[]): void {
    this.#mapVersion += 1;
    this.#members = nodeIds;
    for (const node of this.nodes.values()) node.pushMembership(this.membership);
  }

  /** Moves leadership and tells the gateways of the nodes concerned. Undefined: nobody leads. */
  lead(index: number, nodeId: string | undefined, serving = true): void {
    const partition = this.partition(index);
    const former = partition.leader;
    if (nodeId !== undefined) partition.term += 1;
    partition.leader = nodeId;
    partition.serving = nodeId !== undefined && serving;
    if (former !== undefined && former !== nodeId) this.nodes.get(former)?.pushLeader(index, partition.term, "", false);
    if (nodeId !== undefined) this.nodes.get(nodeId)?.pushLeader(index, partition.term, nodeId, partition.serving);
  }

  /** Gives every partition a leader, round robin. */
  leadAll(nodeIds: readonly string[] = [...this.nodes.keys()]): void {
    for (const index of this.partitions.keys()) this.lead(index, nodeIds[index % nodeIds.length]);
  }

  /** What `nodeId` answers to a request now. */
  handle(nodeId: string, index: number, bytes: Uint8Array): Answer {
    const partition = this.partition(index);
    if (partition.leader !== nodeId || !partition.serving) return { status: RequestStatus.notLeader, payload: nothing };
    return isQuery(bytes) ? this.#query(partition, bytes) : this.#command(partition, index, bytes);
  }

  #query(partition: FakePartition, bytes: Uint8Array): Answer {
    const query = decodeQuery(bytes);
    const out = new ByteWriter();
    switch (query.op) {
      case "get-queue":
        if (!partition.queues.has(query.queue)) writeNone(out);
        else {
          writeSome(out);
          out.bytes32(Buffer.from("{}"));
        }
        break;
      case "list-queues": {
        const names = [...partition.queues.keys()].filter((name) => name > query.marker).sort();
        const page = names.slice(0, query.limit);
        out.u32(page.length);
        for (const name of page) {
          out.text16(name);
          if (query.detailed) {
            writeSome(out);
            out.bytes32(Buffer.from("{}"));
          } else writeNone(out);
        }
        break;
      }
      default:
        return { status: RequestStatus.malformed, payload: nothing };
    }
    return { status: RequestStatus.ok, payload: out.copy() };
  }

  #command(partition: FakePartition, index: number, bytes: Uint8Array): Answer {
    const reader = new ByteReader(bytes);
    const op = commandOperation(reader.u8());
    const [id, sequence, lowWater] = [reader.u64(), reader.u64(), reader.u64()];
    reader.text16();
    const queue = reader.text16();
    const session = partition.sessions.get(id) ?? { lowWater: 1, results: new Map<number, Uint8Array>() };
    partition.sessions.set(id, session);
    if (lowWater > session.lowWater) {
      session.lowWater = lowWater;
      for (const known of session.results.keys()) if (known < lowWater) session.results.delete(known);
    }
    if (sequence < session.lowWater) return { status: RequestStatus.forgotten, payload: nothing };
    let payload = session.results.get(sequence);
    if (payload === undefined) {
      payload = this.#execute(partition, op ?? "", queue);
      session.results.set(sequence, payload);
      this.effects.push({ partition: index, session: id, sequence, op: op ?? "", queue });
    }
    return { status: RequestStatus.ok, payload };
  }

  #execute(partition: FakePartition, op: string, queue: string): Uint8Array {
    const out = new ByteWriter();
    const posted = partition.queues.get(queue);
    if (op === "create-queue") {
      writeFlag(out, posted === undefined);
      if (posted === undefined) partition.queues.set(queue, 0);
    } else if (op === "delete-queue") {
      partition.queues.delete(queue);
      writeFlag(out, true);
    } else if (op === "post" && posted !== undefined) {
      partition.queues.set(queue, posted + 1);
      writePosted(out, 1, posted + 1, 1);
    } else writeNone(out);
    return out.copy();
  }
}
