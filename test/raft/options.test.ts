import { describe, expect, it } from "@jest/globals";
import { Xoshiro128 } from "../../src/base/index.js";
import { defaultRaftOptions, type RaftOptions } from "../../src/raft/index.js";
import { checkRaftOptions } from "../../src/raft/options.js";

const valid: RaftOptions = { ...defaultRaftOptions, id: 1, rng: new Xoshiro128(1) };

describe("checkRaftOptions", () => {
  it("accepts the defaults", () => {
    expect(() => checkRaftOptions(valid)).not.toThrow();
  });

  it.each<Partial<RaftOptions>>([
    { id: 0 },
    { id: 2 ** 53 },
    { heartbeatTicks: 0 },
    { heartbeatTicks: 5 },
    { electionDelayTicks: -1 },
    { inflightMessagesMax: 0 },
    { inflightBytesMax: 0 },
    { messageBytesMax: 0 },
    { uncommittedBytesMax: 0 },
    { logCacheBytesMax: -1 },
    { pendingReadsMax: 0 },
  ])("refuses %j", (wrong) => {
    expect(() => checkRaftOptions({ ...valid, ...wrong })).toThrow();
  });
});
