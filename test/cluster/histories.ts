import fc from "fast-check";
import { applyCommand, type ClusterMap, goalOf, type MapCommand, metaGroup } from "../../src/cluster/index.js";
import { found, held, incarnation } from "./maps.js";

/** One thing that somebody may say to a map: numbers are reduced to what is there when it is said. */
export interface Attempt {
  readonly kind: number;
  readonly numbers: readonly [number, number, number];
}

/** Few names and incarnations, so that they meet again. */
const NAMES = 9;
const INCARNATIONS = 24;

const attempt: fc.Arbitrary<Attempt> = fc.record({
  kind: fc.nat({ max: 11 }),
  numbers: fc.tuple(fc.nat({ max: 999 }), fc.nat({ max: 999 }), fc.nat({ max: 999 })),
});

/** A cluster and what was said to it, well or badly timed. */
export interface History {
  readonly start: ClusterMap;
  readonly attempts: readonly Attempt[];
}

export const history: fc.Arbitrary<History> = fc.record({
  start: fc
    .record({ nodes: fc.integer({ min: 1, max: 6 }), partitions: fc.integer({ min: 1, max: 5 }), factor: fc.nat() })
    .map(({ nodes, partitions, factor }) => found(nodes, partitions, 1 + (factor % nodes))),
  attempts: fc.array(attempt, { maxLength: 60, size: "max" }),
});

const states = ["active", "draining", "leaving", "lost"] as const;

/** The command that is meant: mostly one that the map takes. */
export function commandOf(map: ClusterMap, { kind, numbers: [a, b, c] }: Attempt): MapCommand {
  const seat = 1 + (a % (map.nodes.length + 1));
  const group = a % (map.partitionCount + 1) === map.partitionCount ? metaGroup : a % (map.partitionCount + 1);
  const { replicas, target, former, generation } = held(map, group);
  switch (kind) {
    case 0:
      return { op: "bind-node", seat, incarnation: incarnation(b % INCARNATIONS) };
    case 1:
    case 2: {
      const address = c % 5 === 0 ? `host${c % NAMES}:7000` : `host${b % NAMES}:7000`;
      return { op: "add-node", id: `n${b % NAMES}`, incarnation: incarnation(c % INCARNATIONS), address };
    }
    case 3:
    case 4: {
      const state = states[b % 4] as (typeof states)[number];
      const successor = state === "active" || c % 2 === 0 ? 0 : c % (map.nodes.length + 2);
      return { op: "set-node-state", seat, state, successor };
    }
    case 5:
    case 6:
    case 7: {
      const count = 1 + (b % 4);
      const seats = Array.from({ length: count }, (_, i) => 1 + ((c + i * (1 + (b % 3))) % map.nodes.length));
      return { op: "place", group, seats: c % 20 === 0 ? seats : [...new Set(seats)], decidedOn: map.version };
    }
    case 8: {
      const all = [...replicas, ...target, ...former, 77];
      return { op: "replace-replica", group, replica: all[b % all.length] as number };
    }
    case 9:
    case 10: {
      const goal = goalOf({ replicas, target, former, generation });
      const wrong = b % 8 === 0 ? replicas : goal;
      return { op: "settled", group, replicas: wrong, generation: Math.max(0, generation - (c % 8 === 0 ? 1 : 0)) };
    }
    default:
      return { op: "set-replication-factor", replicationFactor: b % 9 };
  }
}

/** The map after a history, told of every step on the way. */
export function replay(
  { start, attempts }: History,
  each: (before: ClusterMap, command: MapCommand, after: ClusterMap | undefined) => void = () => {},
): ClusterMap {
  let map = start;
  for (const one of attempts) {
    const command = commandOf(map, one);
    const outcome = applyCommand(map, command);
    each(map, command, "refused" in outcome ? undefined : outcome.map);
    if ("map" in outcome) map = outcome.map;
  }
  return map;
}
