import { assert, crc32c } from "../base/index.js";
import {
  applyCommand,
  type ClusterMap,
  decodeCommand,
  decodeMap,
  encodeMap,
  type MapOutcome,
} from "../cluster/index.js";
import type {
  CheckpointCursor,
  CheckpointRow,
  CheckpointSlice,
  Machine,
  MachineLoader,
  MachineStats,
} from "../partition/index.js";

/** The first byte of an entry: what follows is a whole map, or one command. Numbers of the log: never reuse one. */
const EntryTag = { founding: 1, command: 2 } as const;

const ROW_KEY = Buffer.from("map");

const noStats: MachineStats = Object.freeze({
  ...{ queues: 0, messages: 0, claimedMessages: 0, claims: 0, sessions: 0, bodyBytes: 0 },
  ...{ posted: 0, claimedTotal: 0, deleted: 0, expired: 0, duplicatesAnswered: 0 },
});

/** The data of the entry that founds a cluster: the map that the founding members were started with. */
export function foundingEntry(map: ClusterMap): Uint8Array {
  return Buffer.concat([Buffer.from([EntryTag.founding]), encodeMap(map)]);
}

/** The data of an entry that changes the map; `command` as encodeCommand made it. */
export function commandEntry(command: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([EntryTag.command]), command]);
}

export interface MetaObserver {
  /** The entry at `index` was applied; `map` is the one after it, undefined while the cluster is not founded. */
  applied(index: number, outcome: MapOutcome, map: ClusterMap | undefined): void;
}

/**
 * The state machine of the meta group, as a replica hosts it: it holds one cluster map. The first entry is that of the founding
 * leader, so that a replica which joins later starts from nothing and still gets to the same map.
 */
export class MetaMachine implements Machine {
  /** It knows no time, and nothing in it expires. */
  readonly timeMs = 0;
  readonly nextDeadlineMs = Infinity;
  readonly #observer: MetaObserver;
  #map: ClusterMap | undefined;
  #appliedIndex: number;
  /** True while the map is not in a durable checkpoint. */
  #dirty: boolean;

  constructor(observer: MetaObserver, map: ClusterMap | undefined, appliedIndex: number) {
    this.#observer = observer;
    this.#map = map;
    this.#appliedIndex = appliedIndex;
    this.#dirty = false;
  }

  get map(): ClusterMap | undefined {
    return this.#map;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  apply(index: number, data: Uint8Array): void {
    assert(index === this.#appliedIndex + 1, "entries are applied in order");
    this.#appliedIndex = index;
    const outcome = this.#outcomeOf(data);
    if (!("refused" in outcome) && outcome.map !== this.#map) {
      this.#map = outcome.map;
      this.#dirty = true;
    }
    this.#observer.applied(index, outcome, this.#map);
  }

  #outcomeOf(data: Uint8Array): MapOutcome {
    const content = data.subarray(1);
    if (data[0] === EntryTag.founding) {
      // Whoever led first has founded the cluster.
      return this.#map === undefined ? { map: decodeMap(content), changed: true } : { map: this.#map, changed: false };
    }
    assert(data[0] === EntryTag.command, "an entry of the meta group is a founding or a command");
    if (this.#map === undefined) return { refused: "the cluster is not founded yet" };
    return applyCommand(this.#map, decodeCommand(content));
  }

  skip(index: number): void {
    assert(index === this.#appliedIndex + 1, "entries are applied in order");
    this.#appliedIndex = index;
  }

  /** The host lets no request of a gateway through to the meta group. */
  query(): void {
    assert(false, "the meta group answers no queries");
  }

  beginCheckpoint(): CheckpointCursor {
    const { appliedIndex: index } = this;
    const map = this.#dirty ? this.#map : undefined;
    this.#dirty = false;
    let slice: CheckpointSlice | undefined = {
      puts: map === undefined ? [] : [{ key: ROW_KEY, value: encodeMap(map) }],
      deletes: [],
    };
    return {
      index,
      next: () => {
        const out = slice;
        slice = undefined;
        return out;
      },
      committed: () => undefined,
      abandoned: () => {
        this.#dirty = true;
      },
    };
  }

  stats(): MachineStats {
    return noStats;
  }

  stateHash(): number {
    return this.#map === undefined ? 0 : crc32c(encodeMap(this.#map));
  }
}

/** Rebuilds a MetaMachine from its checkpoint. */
export class MetaLoader implements MachineLoader {
  readonly #observer: MetaObserver;
  #map: ClusterMap | undefined;

  constructor(observer: MetaObserver) {
    this.#observer = observer;
  }

  add(rows: readonly CheckpointRow[]): void {
    for (const { value } of rows) this.#map = decodeMap(value);
  }

  finish(appliedIndex: number): Machine {
    return new MetaMachine(this.#observer, this.#map, appliedIndex);
  }
}
