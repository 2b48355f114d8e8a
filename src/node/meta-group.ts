import {
  type ClusterMap,
  encodeCommand,
  type MapCommand,
  type MapOutcome,
  planMoves,
  type Seat,
} from "../cluster/index.js";
import type { Index, Term } from "../raft/index.js";
import type { Logger } from "../telemetry/index.js";
import type { ClusterView } from "./cluster-view.js";
import { nodeLimits } from "./limits.js";
import { commandEntry, foundingEntry, MetaMachine, type MetaObserver } from "./meta-machine.js";
import type { Replica } from "./replica.js";

/** What became of a proposal to the meta group. */
export type MetaOutcome = MapOutcome | { readonly lost: "not-leader" | "unknown" };

export interface MetaGroupOptions {
  readonly view: ClusterView;
  readonly logger: Logger;
  /** Partitions that move at once. */
  readonly movesMax: number;
  /** The replica of the meta group on this node, if there is one. */
  replica(): Replica | undefined;
  /** The incarnation under which a founding member was met, if it was. */
  incarnationOf(node: string): string | undefined;
  /** Seats whose nodes this one has a stream with, its own too. */
  alive(): ReadonlySet<Seat>;
}

interface Waiting {
  readonly term: Term;
  readonly resolve: (outcome: MetaOutcome) => void;
}

/**
 * This node's part in the meta group. Every replica takes the map that it applied; the leader proposes what is to change: what
 * operators and joining nodes ask for, and what follows from the map (founding, incarnations of founders, moves).
 */
export class MetaGroup implements MetaObserver {
  readonly #options: MetaGroupOptions;
  /** Proposals that are not applied yet, by index. */
  readonly #waiting = new Map<Index, Waiting>();
  #working = false;
  #movesPlanned = 0;

  constructor(options: MetaGroupOptions) {
    this.#options = options;
  }

  /** Moves that this node began as leader of the meta group. */
  get movesPlanned(): number {
    return this.#movesPlanned;
  }

  get leads(): boolean {
    return this.#options.replica()?.serving === true;
  }

  /** Proposes a command; resolves when it is applied here, or when nobody knows what became of it. */
  change(command: MapCommand): Promise<MetaOutcome> {
    return this.#propose(commandEntry(encodeCommand(command)));
  }

  #propose(data: Uint8Array): Promise<MetaOutcome> {
    const replica = this.#options.replica();
    if (replica === undefined || this.#waiting.size >= nodeLimits.metaProposalsMax)
      return Promise.resolve({ lost: "not-leader" });
    const proposal = replica.propose(data);
    if (proposal.refused !== undefined) return Promise.resolve({ lost: "not-leader" });
    const { term } = replica.leadership;
    return new Promise((resolve) => {
      this.#waiting.set(proposal.index, { term, resolve });
    });
  }

  /** The machine applied an entry. */
  applied(index: Index, outcome: MapOutcome, map: ClusterMap | undefined): void {
    if (map !== undefined) this.#options.view.adopt(map);
    const waiting = this.#waiting.get(index);
    if (waiting === undefined) return;
    this.#waiting.delete(index);
    const own = this.#options.replica()?.core.term(index) === waiting.term;
    waiting.resolve(own ? outcome : { lost: "unknown" });
  }

  /** The leadership of the meta group moved: what was proposed here may be committed or not. */
  leadershipChanged(): void {
    if (this.leads) return;
    for (const { resolve } of this.#waiting.values()) resolve({ lost: "unknown" });
    this.#waiting.clear();
  }

  /** Called every second: does what follows from the map, one change after the other. */
  tick(): void {
    if (this.#working || !this.leads) return;
    this.#working = true;
    this.#work().then(
      () => {
        this.#working = false;
      },
      (error: unknown) => {
        this.#working = false;
        this.#options.logger.error({ err: error }, "the leader of the meta group could not go on");
      },
    );
  }

  async #work(): Promise<void> {
    const replica = this.#options.replica();
    if (replica === undefined) return;
    // One that came with a snapshot or a checkpoint was not applied, and may be newer than what anybody told this node.
    if (replica.machine instanceof MetaMachine && replica.machine.map !== undefined)
      this.#options.view.adopt(replica.machine.map);
    // An empty machine: nobody has founded the cluster yet. Founding again changes nothing.
    if (this.#options.view.map.version === 1) await this.#propose(foundingEntry(this.#options.view.map));
    for (let i = 0; i < nodeLimits.metaChangesPerTickMax && this.leads; i++) {
      const command = this.#nextBinding() ?? this.#nextMove();
      if (command === undefined) return;
      const outcome = await this.change(command);
      if ("lost" in outcome) return;
      if ("refused" in outcome) {
        this.#options.logger.info({ command, refused: outcome.refused }, "the cluster map had changed already");
        return;
      }
      this.#options.logger.info({ command, version: outcome.map.version }, "the cluster map changed");
    }
  }

  /** A founding member was met: no other incarnation of it is it any more. */
  #nextBinding(): MapCommand | undefined {
    const { view } = this.#options;
    for (const { seat, id, incarnation } of view.map.nodes) {
      if (incarnation !== "") continue;
      const met = id === view.nodeId ? view.incarnation : this.#options.incarnationOf(id);
      if (met !== undefined) return { op: "bind-node", seat, incarnation: met };
    }
    return undefined;
  }

  #nextMove(): MapCommand | undefined {
    const [command] = planMoves(this.#options.view.map, {
      alive: this.#options.alive(),
      movesMax: this.#options.movesMax,
    });
    if (command !== undefined) this.#movesPlanned++;
    return command;
  }
}
