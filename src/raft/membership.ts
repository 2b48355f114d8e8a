import { assert } from "../base/index.js";
import { raftLimits } from "./limits.js";
import type { Configuration, Index, ReplicaId } from "./types.js";

/** A configuration and the index of the entry that made it. */
export interface ConfigurationAt {
  readonly index: Index;
  readonly configuration: Configuration;
}

const isId = (id: ReplicaId): boolean => Number.isSafeInteger(id) && id > 0;

const distinct = (ids: readonly ReplicaId[]): boolean => new Set(ids).size === ids.length;

/** True when `voters` and `learners` may become a configuration: 1 to 7 voters, every id once. */
export function isValidMembership(voters: readonly ReplicaId[], learners: readonly ReplicaId[]): boolean {
  if (voters.length < 1 || voters.length > raftLimits.votersMax || learners.length > raftLimits.learnersMax)
    return false;
  const all = [...voters, ...learners];
  return all.every(isId) && distinct(all);
}

/** True when the vote of `id` counts, in either half. */
export function isVoterOf({ voters, outgoing }: Configuration, id: ReplicaId): boolean {
  return voters.includes(id) || outgoing.includes(id);
}

function checkConfiguration({ voters, outgoing, learners }: Configuration): void {
  assert(isValidMembership(voters, learners), "voters and learners are disjoint and within bounds");
  assert(
    outgoing.length <= raftLimits.votersMax && outgoing.every(isId) && distinct(outgoing),
    "outgoing voters are sound",
  );
}

/**
 * The configurations of a log. The last one rules from the moment it is appended, committed or not (section 6 of the
 * paper); truncation takes it back. Kept from the one in force at the log's base on, so that a checkpoint is written with
 * the configuration as of its index and never with a later one.
 */
export class Membership {
  #configurations: ConfigurationAt[];
  #members: ReplicaId[] = [];

  constructor(base: ConfigurationAt, later: readonly ConfigurationAt[]) {
    this.#configurations = [base];
    checkConfiguration(base.configuration);
    this.#refresh();
    for (const { index, configuration } of later) this.append(index, configuration);
  }

  /** The one in force. */
  get current(): Configuration {
    return this.#last().configuration;
  }

  /** Index of the entry that made it; 0 for the bootstrap one. */
  get currentIndex(): Index {
    return this.#last().index;
  }

  get joint(): boolean {
    return this.current.outgoing.length > 0;
  }

  /** Every replica in any role, each once. */
  get members(): readonly ReplicaId[] {
    return this.#members;
  }

  isVoter(id: ReplicaId): boolean {
    return isVoterOf(this.current, id);
  }

  /** True when no other replica has a vote, in either half: if `id` does not lead, nobody does. */
  isOnlyVoter(id: ReplicaId): boolean {
    const { voters, outgoing } = this.current;
    return voters[0] === id && voters.length === 1 && outgoing.every((voter) => voter === id);
  }

  /** Receives the log and decides nothing. A voter that becomes a learner is one only when the joint configuration ends. */
  isLearner(id: ReplicaId): boolean {
    return this.current.learners.includes(id) && !this.isVoter(id);
  }

  append(index: Index, configuration: Configuration): void {
    assert(index > this.currentIndex, "configurations ascend");
    checkConfiguration(configuration);
    this.#configurations.push({ index, configuration });
    this.#refresh();
  }

  /** Entries at and after `from` are gone: the configurations they made are no longer in force. */
  truncate(from: Index): void {
    if (this.currentIndex < from) return;
    while (this.currentIndex >= from && this.#configurations.length > 1) this.#configurations.pop();
    assert(this.currentIndex < from, "the configuration of the snapshot stays");
    this.#refresh();
  }

  /** The configuration in force at `index`, which must not be before the base. */
  at(index: Index): ConfigurationAt {
    for (let i = this.#configurations.length - 1; i > 0; i--) {
      const candidate = this.#configurations[i] as ConfigurationAt;
      if (candidate.index <= index) return candidate;
    }
    return this.#configurations[0] as ConfigurationAt;
  }

  /** The log now starts after `index`. */
  compact(index: Index): void {
    while ((this.#configurations[1]?.index ?? Infinity) <= index) this.#configurations.shift();
  }

  /** A snapshot took the place of the log. */
  reset(base: ConfigurationAt): void {
    checkConfiguration(base.configuration);
    this.#configurations = [base];
    this.#refresh();
  }

  #last(): ConfigurationAt {
    return this.#configurations[this.#configurations.length - 1] as ConfigurationAt;
  }

  #refresh(): void {
    const { voters, outgoing, learners } = this.current;
    this.#members = [...new Set([...voters, ...outgoing, ...learners])];
  }
}
