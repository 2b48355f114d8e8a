import { describe, expect, jest, test } from "@jest/globals";
import type { Placement } from "../../src/cluster/index.js";
import { drivePlacement, isSettled, nextStep, type PlacementStep } from "../../src/node/placement-driver.js";
import type { Replica } from "../../src/node/replica.js";
import type { Configuration, PeerStatus, Status } from "../../src/raft/index.js";

const young = (id: number): number => id + 2 ** 20;
const nothing: PlacementStep = { step: "nothing" };

function placementOf(replicas: number[], target: number[] = [], former: number[] = [], generation = 7): Placement {
  return { replicas, target, former, generation };
}

interface Group {
  readonly voters: number[];
  readonly learners?: number[];
  readonly outgoing?: number[];
  /** Not heard lately. */
  readonly silent?: number[];
  /** Behind. */
  readonly late?: number[];
  /** Of the placement that its configuration was made for. */
  readonly generation?: number;
}

/** The leader is the first voter. */
function statusOf(
  { voters, learners = [], outgoing = [], silent = [], late = [], generation = 7 }: Group,
  more = {},
): Status {
  const id = voters[0] as number;
  const others = [...new Set([...voters, ...outgoing, ...learners])].filter((one) => one !== id);
  const peers = others.map((peer): PeerStatus => {
    const recentlyActive = !silent.includes(peer);
    const caughtUp = recentlyActive && !late.includes(peer);
    return { id: peer, match: 9, state: "replicate", recentlyActive, caughtUp, learner: learners.includes(peer) };
  });
  const status = { id, role: "leader", established: true, commit: 9, configurationIndex: 5, peers };
  return { ...status, configuration: { voters, learners, outgoing, generation }, ...more } as unknown as Status;
}

const change = (voters: number[], learners: number[] = [], generation = 7): PlacementStep => {
  return { step: "change", voters, learners, generation };
};
const report = (replicas: number[], generation = 7): PlacementStep => ({ step: "report", replicas, generation });

describe("the next step towards the voters that the map wants", () => {
  test.each<[what: string, group: Group, placement: Placement, step: PlacementStep]>([
    ["all is well", { voters: [1, 2, 3] }, placementOf([1, 2, 3]), nothing],
    ["all is well, in another order", { voters: [3, 1, 2] }, placementOf([1, 2, 3]), nothing],

    ["a newcomer learns first", { voters: [1, 2, 3] }, placementOf([1, 2, 3], [1, 2, 4]), change([1, 2, 3], [4])],
    [
      "all newcomers learn at once",
      { voters: [1, 2, 3] },
      placementOf([1, 2, 3], [1, 5, 4]),
      change([1, 2, 3], [5, 4]),
    ],
    [
      "it has not caught up",
      { voters: [1, 2, 3], learners: [4], late: [4] },
      placementOf([1, 2, 3], [1, 2, 4]),
      nothing,
    ],
    ["it is silent", { voters: [1, 2, 3], learners: [4], silent: [4] }, placementOf([1, 2, 3], [1, 2, 4]), nothing],
    [
      "one of two has not caught up",
      { voters: [1, 2, 3], learners: [4, 5], late: [5] },
      placementOf([1, 2, 3], [1, 5, 4]),
      nothing,
    ],
    ["it has caught up", { voters: [1, 2, 3], learners: [4] }, placementOf([1, 2, 3], [1, 2, 4]), change([1, 2, 4])],
    [
      "it is a voter: the map may forget who left",
      { voters: [1, 2, 4] },
      placementOf([1, 2, 3], [1, 2, 4]),
      report([1, 2, 4]),
    ],

    [
      "one that stays is away: as many are healthy afterwards",
      { voters: [1, 2, 3], learners: [4], silent: [2] },
      placementOf([1, 2, 3], [1, 2, 4]),
      change([1, 2, 4]),
    ],
    [
      "a dead one is replaced",
      { voters: [1, 2, 3], learners: [4], silent: [3] },
      placementOf([1, 2, 3], [1, 2, 4]),
      change([1, 2, 4]),
    ],
    [
      "a lost replica is replaced on its own node",
      { voters: [1, 2, 3], learners: [young(3)], silent: [3] },
      placementOf([1, 2, 3], [1, 2, young(3)]),
      change([1, 2, young(3)]),
    ],
    [
      "nobody would be healthy enough: two of those that stay are away",
      { voters: [1, 2, 3, 4, 5], learners: [6], silent: [2, 3] },
      placementOf([1, 2, 3, 4, 5], [2, 3, 6]),
      nothing,
    ],

    [
      "more replicas: they learn",
      { voters: [1, 2, 3] },
      placementOf([1, 2, 3], [1, 2, 3, 4, 5]),
      change([1, 2, 3], [4, 5]),
    ],
    [
      "more replicas: they vote",
      { voters: [1, 2, 3], learners: [4, 5] },
      placementOf([1, 2, 3], [1, 2, 3, 4, 5]),
      change([1, 2, 3, 4, 5]),
    ],
    ["fewer replicas", { voters: [1, 2, 3, 4, 5] }, placementOf([1, 2, 3, 4, 5], [1, 2, 3]), change([1, 2, 3])],
    [
      "fewer replicas, and one of those that go is away",
      { voters: [1, 2, 3, 4, 5], silent: [5] },
      placementOf([1, 2, 3, 4, 5], [1, 2, 3]),
      change([1, 2, 3]),
    ],
    [
      "fewer replicas, and one of those that stay is away: the others must not go",
      { voters: [1, 2, 3, 4, 5], silent: [3] },
      placementOf([1, 2, 3, 4, 5], [1, 2, 3]),
      nothing,
    ],
    ["down to the leader alone", { voters: [1, 2, 3] }, placementOf([1, 2, 3], [1]), change([1])],
    ["down to another one alone", { voters: [1, 2, 3] }, placementOf([1, 2, 3], [2]), change([2])],
    ["up from one", { voters: [1], learners: [2, 3] }, placementOf([1], [1, 2, 3]), change([1, 2, 3])],
    [
      "everything moves elsewhere",
      { voters: [1, 2, 3], learners: [4, 5, 6] },
      placementOf([1, 2, 3], [4, 5, 6]),
      change([4, 5, 6]),
    ],

    [
      "another target in the middle: the learner that is wanted no more goes, the new one comes",
      { voters: [1, 2, 3], learners: [4] },
      placementOf([1, 2, 3], [1, 2, 5], [4]),
      change([1, 2, 3], [5]),
    ],
    [
      "another target, one learner stays",
      { voters: [1, 2, 3], learners: [4, 5], late: [5] },
      placementOf([1, 2, 3], [1, 2, 4], [5]),
      change([1, 2, 3], [4]),
    ],
    [
      "back to what was: the learner goes",
      { voters: [1, 2, 3], learners: [4] },
      placementOf([1, 2, 3], [], [4]),
      change([1, 2, 3]),
    ],
    [
      "back to what was, before anything was done",
      { voters: [1, 2, 3] },
      placementOf([1, 2, 3], [], [4]),
      report([1, 2, 3]),
    ],
    [
      "back to what was, when it was done already",
      { voters: [1, 2, 4] },
      placementOf([1, 2, 3], [], [4]),
      change([1, 2, 4], [3]),
    ],
    [
      "a target that it has by chance",
      { voters: [1, 2, 4] },
      placementOf([1, 2, 3], [1, 2, 4], [5]),
      report([1, 2, 4]),
    ],
  ])("%s", (_, group, placement, step) => {
    expect(nextStep(statusOf(group), placement)).toEqual(step);
  });

  test.each<[what: string, status: Status]>([
    ["while a joint configuration is not left", statusOf({ voters: [1, 2, 4], outgoing: [1, 2, 3] })],
    ["while the last change is not committed", statusOf({ voters: [1, 2, 4] }, { configurationIndex: 10 })],
    ["before anything of the own term is committed", statusOf({ voters: [1, 2, 4] }, { established: false })],
  ])("nothing %s, not even a report", (_, status) => {
    expect(nextStep(status, placementOf([1, 2, 3], [1, 2, 4]))).toEqual(nothing);
  });

  test("a report bears the generation of the placement that was looked at, which is in the log before", () => {
    const placement = placementOf([1, 2, 3], [1, 2, 4], [], 41);
    expect(nextStep(statusOf({ voters: [1, 2, 4] }), placement)).toEqual(change([1, 2, 4], [], 41));
    expect(nextStep(statusOf({ voters: [1, 2, 4], generation: 41 }), placement)).toEqual(report([1, 2, 4], 41));
  });

  test("a leader whose map is older than the one that the last leader worked by does nothing", () => {
    for (const voters of [
      [1, 2, 3],
      [1, 2, 4],
    ])
      expect(nextStep(statusOf({ voters, generation: 8 }), placementOf([1, 2, 3], [1, 2, 4]))).toEqual(nothing);
  });
});

test("a replica whose node is out of reach is not counted on, although it was heard a moment ago", () => {
  const status = statusOf({ voters: [1, 2, 3] });
  const fewer = placementOf([1, 2, 3], [1, 2]);
  expect(nextStep(status, fewer)).toEqual(change([1, 2]));
  expect(nextStep(status, fewer, (id) => id !== 2)).toEqual(nothing);
});

describe("the leader of a group", () => {
  function replicaOf(group: Group, serving = true) {
    const status = statusOf(group);
    const proposeConfiguration = jest.fn();
    const poke = jest.fn();
    const asked = jest.fn(() => status);
    const core = { status: asked, proposeConfiguration };
    const replica = { serving, configuration: status.configuration, core, poke } as unknown as Replica;
    return { replica, proposeConfiguration, poke, asked };
  }

  test("proposes the step on the configuration that it looked at", () => {
    const { replica, proposeConfiguration, poke } = replicaOf({ voters: [1, 2, 3] });
    expect(drivePlacement(replica, placementOf([1, 2, 3], [1, 2, 4]))).toBeUndefined();
    expect(proposeConfiguration.mock.calls).toEqual([
      [{ voters: [1, 2, 3], learners: [4], generation: 7, expectedConfigurationIndex: 5 }],
    ]);
    expect(poke).toHaveBeenCalledTimes(1);
  });

  test("says what is to be reported, and proposes nothing", () => {
    const { replica, proposeConfiguration, poke } = replicaOf({ voters: [1, 2, 4] });
    expect(drivePlacement(replica, placementOf([1, 2, 3], [1, 2, 4]))).toEqual(report([1, 2, 4]));
    expect([proposeConfiguration, poke].flatMap(({ mock }) => mock.calls)).toEqual([]);
  });

  test("does not ask its core when all is well, and a follower does nothing", () => {
    const well = replicaOf({ voters: [1, 2, 3] });
    expect(drivePlacement(well.replica, placementOf([1, 2, 3]))).toBeUndefined();
    const follower = replicaOf({ voters: [1, 2, 3] }, false);
    expect(drivePlacement(follower.replica, placementOf([1, 2, 3], [1, 2, 4]))).toBeUndefined();
    expect([well.asked, follower.asked].flatMap(({ mock }) => mock.calls)).toEqual([]);
  });

  test.each<[boolean, Configuration, Placement]>([
    [true, { voters: [1, 2], outgoing: [], learners: [] }, placementOf([2, 1])],
    [false, { voters: [1, 2], outgoing: [], learners: [3] }, placementOf([2, 1])],
    [false, { voters: [1, 2], outgoing: [1], learners: [] }, placementOf([2, 1])],
    [false, { voters: [1, 2], outgoing: [], learners: [] }, placementOf([2, 3])],
    [false, { voters: [1, 2], outgoing: [], learners: [] }, placementOf([2, 1], [2, 3])],
    [false, { voters: [1, 2], outgoing: [], learners: [] }, placementOf([2, 1], [], [3])],
  ])("at rest: %p for %j and %j", (settled, configuration, placement) => {
    expect(isSettled(configuration, placement)).toBe(settled);
  });
});
