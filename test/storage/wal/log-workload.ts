import type { Rng } from "../../../src/base/index.js";
import { encodeConfiguration } from "../../../src/raft/configuration-codec.js";
import type { Entry, SnapshotMeta } from "../../../src/raft/types.js";
import { applyOperation, type ModelGroup, type ModelState, type Operation } from "./log-model.js";

const GROUPS = 3;

/** Random but legal operations: what a host of a few groups may ask of a log. */
export class Workload {
  readonly #rng: Rng;
  #state: ModelState = new Map();

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  /** Goes on from a recovered state. */
  resume(state: ModelState): void {
    this.#state = state;
  }

  get state(): ModelState {
    return this.#state;
  }

  next(): Operation {
    const operation = this.#draw();
    this.#state = applyOperation(this.#state, operation);
    return operation;
  }

  #draw(): Operation {
    const rng = this.#rng;
    const number = rng.between(1, GROUPS + 1);
    const group = this.#state.get(number);
    if (group === undefined)
      return { type: "create", group: number, incarnation: this.#incarnation(), start: this.#start() };
    const dice = rng.between(0, 100);
    if (dice < 4) return { type: "remove", group: number };
    if (dice < 8) return this.#install(number, group);
    if (dice < 22 && group.last > group.snapshot.index) return this.#checkpoint(number, group);
    return this.#order(number, group, dice < 40);
  }

  #order(number: number, group: ModelGroup, truncate: boolean): Operation {
    const rng = this.#rng;
    const canCut = truncate && group.last > Math.max(group.snapshot.index, group.hard.commit);
    const from = canCut
      ? rng.between(Math.max(group.snapshot.index, group.hard.commit) + 1, group.last + 1)
      : undefined;
    const term = group.hard.term + (canCut || rng.between(0, 6) === 0 ? 1 : 0);
    const first = from ?? group.last + 1;
    const entries: Entry[] = [];
    for (let i = rng.between(0, 5); i > 0; i--) entries.push(this.#entry(first + entries.length, Math.max(1, term)));
    const last = entries.at(-1)?.index ?? first - 1;
    const commit = rng.between(Math.min(group.hard.commit, last), last + 1);
    const hasHard = rng.between(0, 4) > 0 || entries.length > 0;
    const hard = hasHard ? { term: Math.max(1, term), vote: rng.between(0, 4), commit } : undefined;
    const mustSync = entries.length > 0 || from !== undefined || rng.between(0, 2) === 0;
    return { type: "order", group: number, hard, truncateFrom: from, entries, mustSync };
  }

  #entry(index: number, term: number): Entry {
    const rng = this.#rng;
    if (rng.between(0, 12) === 0) {
      return { index, term, kind: 2, data: encodeConfiguration({ voters: [1, 2, index], outgoing: [], learners: [] }) };
    }
    const size = rng.between(0, 10) === 0 ? rng.between(4000, 6000) : rng.between(0, 700);
    return { index, term, kind: size === 0 ? 1 : 0, data: Buffer.alloc(size, rng.between(0, 256)) };
  }

  #checkpoint(number: number, group: ModelGroup): Operation {
    const index = this.#rng.between(group.snapshot.index + 1, group.last + 1);
    const term = group.entries.find((entry) => entry.index === index)?.term ?? group.snapshot.term;
    const keepFrom = this.#rng.between(group.keepFrom, index + 2);
    return { type: "checkpoint", group: number, snapshot: { ...this.#start(), index, term }, keepFrom };
  }

  #install(number: number, group: ModelGroup): Operation {
    const index = group.last + this.#rng.between(0, 20);
    const term = group.hard.term + 1;
    const snapshot = { ...this.#start(), index, term };
    return { type: "install", group: number, snapshot, hard: { term, vote: 0, commit: index } };
  }

  #start(): SnapshotMeta {
    const voters = [1, 2, this.#rng.between(3, 100)];
    return { index: 0, term: 0, configuration: { voters, outgoing: [], learners: [] }, configurationIndex: 0 };
  }

  #incarnation(): string {
    const word = (): string => this.#rng.nextU32().toString(16).padStart(8, "0");
    return word() + word();
  }
}
