import { describe, expect, test } from "@jest/globals";
import { FollowerPace } from "../../src/node/follower-pace.js";
import { nodeLimits } from "../../src/node/limits.js";
import type { PeerStatus } from "../../src/raft/index.js";

const LAG = nodeLimits.followerLagEntries * 2;
const peer = (match: number, more: Partial<PeerStatus> = {}): PeerStatus => ({
  ...{ id: 2, match, state: "replicate", recentlyActive: true, caughtUp: false, learner: false },
  ...more,
});

/** A leader that proposes as much as it may, one entry of 100,000 bytes at a time, ten a second at most. */
class Load {
  readonly pace = new FollowerPace();
  nowMs = 0;
  last = LAG * 10;

  /** One second; returns the bytes that were proposed in it. */
  second(peers: readonly PeerStatus[]): number {
    let bytes = 0;
    while (bytes < 1_000_000 && this.pace.isOpen) {
      this.pace.proposed(100_000);
      bytes += 100_000;
    }
    this.nowMs += 1_000;
    this.pace.observe(this.nowMs, this.last, peers);
    return bytes;
  }

  seconds(count: number, peers: readonly PeerStatus[]): number {
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes = this.second(peers);
    return bytes;
  }
}

describe("the pace of proposals", () => {
  test("falls by a tenth a second while a living voter lags and does not catch up, and comes back when it does", () => {
    const load = new Load();
    const patience = nodeLimits.followerLagPatienceMs / 1_000;
    expect(load.seconds(patience, [peer(load.last - LAG)])).toBe(1_000_000);
    expect(load.pace.bytesPerSecond).toBeUndefined();
    load.seconds(12, [peer(load.last - LAG)]);
    const slowed = load.pace.bytesPerSecond ?? Infinity;
    expect(slowed).toBeLessThan(400_000);
    expect(load.second([peer(load.last - LAG)])).toBeLessThanOrEqual(slowed + 100_000);
    load.seconds(30, [peer(load.last)]);
    expect(load.pace.bytesPerSecond).toBeUndefined();
  });

  test.each([
    ["dead", { recentlyActive: false }],
    ["a learner", { learner: true }],
    ["given a snapshot", { state: "snapshot" }],
    ["close behind", { match: LAG * 10 - 1 }],
  ] as const)("does not wait for a replica that is %s", (_, more) => {
    const load = new Load();
    load.seconds(120, [peer(load.last - LAG, more)]);
    expect(load.pace.bytesPerSecond).toBeUndefined();
  });

  test("does not fall while the lag shrinks", () => {
    const load = new Load();
    for (let lag = LAG * 8; lag > nodeLimits.followerLagEntries; lag *= 0.97) load.second([peer(load.last - lag)]);
    expect(load.pace.bytesPerSecond).toBeUndefined();
  });

  test("never stops", () => {
    const load = new Load();
    load.seconds(1_000, [peer(0)]);
    expect(load.pace.bytesPerSecond).toBeGreaterThanOrEqual(nodeLimits.followerPaceBytesMin);
  });

  test("is forgotten with the reign", () => {
    const load = new Load();
    load.seconds(60, [peer(0)]);
    load.pace.reset();
    expect(load.pace.isOpen).toBe(true);
    expect(load.pace.bytesPerSecond).toBeUndefined();
  });
});
