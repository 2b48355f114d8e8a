import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  applyCommand,
  type ClusterMap,
  decodeCommand,
  decodeMap,
  encodeCommand,
  encodeMap,
  foundingVoters,
  goalOf,
  heldBy,
  idsToHold,
  mapDigest,
  type MapCommand,
  type ReplicaId,
} from "../../src/cluster/index.js";
import { commandOf, history, replay } from "./histories.js";
import { groupsOf, held } from "./maps.js";

const frozen = <T>(value: T): T => {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
};

describe("any history of a cluster map", () => {
  it("leaves maps that are sound, and that every replica of the meta group has alike", () => {
    fc.assert(
      fc.property(history, (all) => {
        replay(all, (before, command, after) => {
          // What is decoded is another object: nothing but its bytes can have mattered.
          const twin = applyCommand(decodeMap(encodeMap(before)), decodeCommand(encodeCommand(command)));
          if ("refused" in twin !== (after === undefined))
            throw new Error("one replica refused a command, another not");
          if (after === undefined || "refused" in twin) return;
          if (mapDigest(twin.map) !== mapDigest(after)) throw new Error("replicas have come to different maps");
        });
      }),
    );
  });

  it("changes no map that somebody holds; its version counts the changes", () => {
    fc.assert(
      fc.property(history, ({ start, attempts }) => {
        replay({ start: frozen(start), attempts }, (before, _, after) => {
          if (after !== undefined) expect(after.version).toBe(before.version + (after === before ? 0 : 1));
          frozen(after);
        });
      }),
    );
  });

  /*
   * What a group may need: its configuration is what it settled on, any target since, or between two of them. A replica is
   * therefore forgotten only by a report that says that the group has got to exactly what it was told last.
   */
  it("forgets a replica only when its group has settled without it", () => {
    fc.assert(
      fc.property(history, (all) => {
        replay(all, (before, command, after) => {
          for (const group of after === undefined ? [] : groupsOf(before)) {
            const lost = idsToHold(before, group).filter((id) => !idsToHold(after!, group).includes(id));
            if (lost.length === 0) continue;
            expect(command).toMatchObject({ op: "settled", group, generation: held(before, group).generation });
            const { replicas } = command as MapCommand & { op: "settled" };
            expect([...replicas].sort()).toEqual([...goalOf(held(before, group))].sort());
            expect(idsToHold(after!, group)).toEqual(goalOf(held(before, group)));
            expect(lost.some((id) => replicas.includes(id))).toBe(false);
          }
        });
      }),
    );
  });

  it("never gives out a replica's number twice, and never takes one back that it forgot", () => {
    fc.assert(
      fc.property(history, (all) => {
        const forgotten = new Map<number, Set<ReplicaId>>();
        replay(all, (before, _, after) => {
          for (const group of after === undefined ? [] : groupsOf(before)) {
            const gone = forgotten.get(group) ?? new Set();
            forgotten.set(group, gone);
            const now = idsToHold(after!, group);
            const back = now.filter((id) => gone.has(id));
            if (back.length > 0) throw new Error(`group ${group} has ${back.join()} again`);
            for (const id of idsToHold(before, group)) if (!now.includes(id)) gone.add(id);
          }
        });
      }),
    );
  });

  it("leaves an active node, one row for each seat ever given, and nobody on the way out who holds nothing", () => {
    fc.assert(
      fc.property(history, (all) => {
        replay(all, (before, _, after) => {
          if (after === undefined) return;
          const broken = before.nodes.flatMap((old) => {
            const now = after.nodes[old.seat - 1]!;
            const isSame = now.seat === old.seat && now.id === old.id;
            const isBound = old.incarnation === "" || now.incarnation === old.incarnation;
            const isLate = old.state === "gone" || (old.state === "lost" && now.state !== "gone");
            const holds = heldBy(after, now.seat).length > 0;
            const isRight = { active: true, draining: true, leaving: holds, lost: holds, gone: !holds }[now.state];
            return isSame && isBound && isRight && (!isLate || now.state === old.state) ? [] : [[old, now]];
          });
          if (broken.length > 0) throw new Error(`broken: ${JSON.stringify(broken)}`);
          if (!after.nodes.some(({ state }) => state === "active")) throw new Error("nobody is active");
        });
      }),
    );
  });

  it("is idempotent: what was taken and is said again changes nothing, or comes too late", () => {
    fc.assert(
      fc.property(history, (all) => {
        replay(all, (_, command, after) => {
          if (after === undefined) return;
          const again = applyCommand(after, command);
          if ("map" in again) expect(again).toEqual({ map: after, changed: false });
        });
      }),
    );
  });

  it("does not change what groups began with", () => {
    fc.assert(
      fc.property(history, (all) => {
        const after = replay(all);
        for (const group of groupsOf(after))
          expect(foundingVoters(after, group)).toEqual(held(all.start, group).replicas);
      }),
    );
  });
});

/** A group: its voters by its last committed configuration, and what its leader knows of the map. */
interface Group {
  voters: readonly ReplicaId[];
  known: ClusterMap;
}

describe("groups that follow a map", () => {
  /*
   * Leaders learn of maps late, though never of an older one after a newer; their reports arrive late, often, and in any order.
   * That suffices for the promise of this room: the voters of every group are held.
   */
  it("never lose a voter, however late their leaders hear and their reports arrive", () => {
    const acts = fc.array(fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 999 })), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(history, acts, ({ start, attempts }, script) => {
        const groups = new Map(groupsOf(start).map((group) => [group, begin(start, group)]));
        const maps = [start];
        const reports: MapCommand[] = [];
        const say = (command: MapCommand): void => {
          const outcome = applyCommand(maps.at(-1)!, command);
          if ("map" in outcome && outcome.changed) maps.push(outcome.map);
        };
        let step = 0;
        for (const one of attempts) {
          const command = commandOf(maps.at(-1)!, one);
          if (command.op !== "settled") say(command);
          for (const [group, member] of groups) {
            const [act, number] = script[step++ % script.length]!;
            const report = reports[number % Math.max(1, reports.length)];
            if (act === 0) hear(member, maps, number);
            else if (act <= 2) follow(member, group, reports);
            else if (report !== undefined) say(report);
            const forgotten = member.voters.filter((id) => !idsToHold(maps.at(-1)!, group).includes(id));
            if (forgotten.length > 0) throw new Error(`group ${group} needs ${forgotten.join()}, and nobody holds it`);
          }
        }
      }),
      { numRuns: 1_500 },
    );
  });
});

function begin(start: ClusterMap, group: number): Group {
  return { voters: held(start, group).replicas, known: start };
}

/** A map that is at least as new as the one it knows. */
function hear(member: Group, maps: readonly ClusterMap[], number: number): void {
  const from = maps.indexOf(member.known);
  member.known = maps[from + (number % (maps.length - from))]!;
}

/** The group becomes what its leader believes is wanted, and the leader says so. */
function follow(member: Group, group: number, reports: MapCommand[]): void {
  const placement = held(member.known, group);
  member.voters = goalOf(placement);
  reports.push({ op: "settled", group, replicas: member.voters, generation: placement.generation });
}
