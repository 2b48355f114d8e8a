import {
  type Configuration,
  type Entry,
  EntryKind,
  type HardState,
  type Message,
  type RaftCore,
  type ReadGrant,
  type SnapshotMeta,
  type Status,
} from "../../src/raft/index.js";
import { bootstrap, type TestOptions, testOptions, voters } from "./harness.js";
import { SimulatedReplica } from "./simulated-replica.js";

const encoder = new TextEncoder();

export function entry(index: number, term: number, data = `e${String(index)}`): Entry {
  return { index, term, kind: EntryKind.normal, data: encoder.encode(data) };
}

/** Entries 1, 2, ... with these terms. */
export const entriesOfTerms = (...terms: number[]): Entry[] => terms.map((term, i) => entry(i + 1, term));

export interface SoloInit {
  readonly id?: number;
  readonly configuration?: Configuration;
  readonly snapshot?: SnapshotMeta;
  readonly hard?: Partial<HardState>;
  readonly entries?: readonly Entry[];
  readonly options?: Partial<TestOptions>;
}

type Body<T extends Message["type"]> = Omit<Extract<Message, { type: T }>, "type" | "to" | "from">;

/** One core with a host, and nobody else: the test speaks for all others. */
export class Solo {
  readonly replica: SimulatedReplica;
  #sent: Message[] = [];
  #grants: ReadGrant[] = [];

  constructor(init: SoloInit = {}) {
    const { id = 1, configuration = voters(1, 2, 3), hard, entries = [], options } = init;
    const { snapshot = bootstrap(configuration) } = init;
    this.replica = new SimulatedReplica(id, snapshot, { ...testOptions, ...options }, 7, {
      send: (message) => this.#sent.push(message),
      granted: (_replica, grant) => this.#grants.push(grant),
      applied: () => undefined,
    });
    const term = Math.max(snapshot.term, entries.at(-1)?.term ?? 0);
    this.replica.disk.hard = { term, vote: 0, commit: snapshot.index, ...hard };
    this.replica.disk.entries = [...entries];
    this.replica.restart();
  }

  get core(): RaftCore {
    return this.replica.core;
  }

  get status(): Status {
    return this.core.status();
  }

  /** What was sent since the last call. */
  sent(): Message[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }

  /** Those of one type. */
  sentOf<T extends Message["type"]>(type: T): Extract<Message, { type: T }>[] {
    return this.sent().filter((message): message is Extract<Message, { type: T }> => message.type === type);
  }

  grants(): ReadGrant[] {
    const grants = this.#grants;
    this.#grants = [];
    return grants;
  }

  turn(): this {
    this.replica.turn();
    return this;
  }

  tick(count = 1): this {
    for (let i = 0; i < count; i++) this.core.tick();
    return this.turn();
  }

  /** Ticks until the role is `role`. */
  tickUntil(role: Status["role"]): this {
    for (let i = 0; i < 60 && this.status.role !== role; i++) this.tick();
    if (this.status.role !== role) throw new Error(`never became ${role}`);
    return this;
  }

  flush(): this {
    this.turn();
    this.replica.flushAll();
    return this.turn();
  }

  apply(): this {
    this.replica.apply(1_000_000);
    return this.turn();
  }

  /** A message from `from`. */
  step<T extends Message["type"]>(type: T, from: number, body: Body<T>): this {
    this.core.step({ type, from, to: this.replica.id, ...body } as unknown as Message);
    return this.turn();
  }

  append(from: number, term: number, prevIndex: number, prevTerm: number, entries: readonly Entry[], commit = 0): this {
    return this.step("append-request", from, { term, prevIndex, prevTerm, entries, commit });
  }

  acknowledge(from: number, index: number, term = this.status.term): this {
    return this.step("append-reply", from, { term, refused: false, index, hintIndex: 0, hintTerm: 0 });
  }

  refuse(from: number, index: number, hintIndex: number, hintTerm: number): this {
    return this.step("append-reply", from, { term: this.status.term, refused: true, index, hintIndex, hintTerm });
  }

  vote(from: number, granted = true, pre = false): this {
    const { term } = this.status;
    return this.step("vote-reply", from, { term: pre && granted ? term + 1 : term, pre, granted });
  }

  /** Campaigns and wins with the votes of `others`; everything is durable afterwards. */
  lead(...others: number[]): this {
    const from = others.length === 0 ? [2] : others;
    this.tickUntil("pre-candidate");
    for (const id of from) this.vote(id, true, true);
    this.flush();
    for (const id of from) this.vote(id);
    if (this.status.role !== "leader") throw new Error("did not win");
    return this.flush();
  }

  /** A leader whose entry of its own term is committed and applied, acknowledged by `others`. */
  establish(...others: number[]): this {
    const from = others.length === 0 ? [2] : others;
    this.lead(...from);
    for (const id of from) this.acknowledge(id, this.status.lastIndex);
    this.apply();
    if (!this.status.established) throw new Error("is not established");
    this.sent();
    return this;
  }

  propose(data = "x"): number | string {
    const proposal = this.core.propose(encoder.encode(data), this.status.term);
    this.turn();
    return proposal.refused ?? proposal.index;
  }
}
