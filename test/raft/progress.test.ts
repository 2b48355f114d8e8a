import { describe, expect, it } from "@jest/globals";
import { Inflights } from "../../src/raft/inflights.js";
import { Progress } from "../../src/raft/progress.js";

const progress = (next: number): Progress => new Progress(2, next, false, new Inflights(3, 1_000));

function replicating(match: number): Progress {
  const peer = progress(match + 1);
  peer.acknowledge(match);
  peer.replicate();
  return peer;
}

describe("probing", () => {
  it("sends one append and waits", () => {
    const peer = progress(10);
    expect(peer.sendable).toBe(true);
    peer.sent(12, 5);
    expect(peer.sendable).toBe(false);
    expect(peer.next).toBe(10);
    peer.paused = false;
    expect(peer.sendable).toBe(true);
  });

  it("goes back to where the logs may agree", () => {
    const peer = progress(10);
    expect(peer.refuse(9, 5)).toBe(true);
    expect(peer.next).toBe(6);
    expect(peer.refuse(5, 5)).toBe(true);
    expect(peer.next).toBe(5);
  });

  it("never goes below what is known to match", () => {
    const peer = progress(10);
    peer.acknowledge(4);
    expect(peer.refuse(9, 2)).toBe(true);
    expect(peer.next).toBe(5);
  });

  it("ignores refusals of an earlier probe", () => {
    const peer = progress(10);
    expect(peer.refuse(8, 3)).toBe(false);
    expect(peer.next).toBe(10);
  });

  it("sends again when a refusal came", () => {
    const peer = progress(10);
    peer.sent(9, 0);
    peer.refuse(9, 5);
    expect(peer.sendable).toBe(true);
  });
});

describe("replicating", () => {
  it("sends ahead until the window is full", () => {
    const peer = replicating(4);
    peer.sent(5, 10);
    peer.sent(8, 10);
    expect(peer.next).toBe(9);
    peer.sent(9, 10);
    expect(peer.sendable).toBe(false);
    expect(peer.acknowledge(8)).toBe(true);
    expect(peer.sendable).toBe(true);
    expect([peer.match, peer.next]).toEqual([8, 10]);
  });

  it("sends in order only", () => {
    const peer = replicating(4);
    peer.sent(6, 10);
    expect(() => peer.sent(6, 10)).toThrow("in order");
  });

  it("never takes an acknowledgement back (R20)", () => {
    const peer = replicating(4);
    peer.sent(9, 10);
    expect(peer.acknowledge(9)).toBe(true);
    expect(peer.acknowledge(6)).toBe(false);
    expect([peer.match, peer.next]).toEqual([9, 10]);
  });

  it("moves next along with an acknowledgement beyond it (R20)", () => {
    const peer = replicating(4);
    peer.acknowledge(9);
    expect([peer.match, peer.next]).toEqual([9, 10]);
  });

  it("probes from the last match after a refusal, unless that is old", () => {
    const peer = replicating(4);
    peer.sent(9, 10);
    expect(peer.refuse(4, 2)).toBe(false);
    expect(peer.state).toBe("replicate");
    expect(peer.refuse(9, 2)).toBe(true);
    expect([peer.state, peer.next, peer.inflights.count]).toEqual(["probe", 5, 0]);
  });

  it("starts over empty after it was unreachable", () => {
    const peer = replicating(4);
    peer.sentCommit = 8;
    peer.sent(9, 10);
    peer.probe(5);
    expect([peer.next, peer.sentCommit, peer.inflights.bytes, peer.sendable]).toEqual([5, 4, 0, true]);
  });

  it("does not send while entries are read from disk", () => {
    const peer = replicating(4);
    peer.fetch = { to: 2, low: 5, high: 9, bytesMax: 1 };
    expect(peer.sendable).toBe(false);
    peer.probe(5);
    expect(peer.fetch).toBeUndefined();
  });
});

describe("waiting for a snapshot", () => {
  it("sends nothing and ignores refusals", () => {
    const peer = progress(3);
    peer.awaitSnapshot(20);
    expect(peer.sendable).toBe(false);
    expect(peer.refuse(2, 1)).toBe(false);
  });

  it("is over when the follower's log goes on from the leader's", () => {
    const peer = progress(3);
    peer.awaitSnapshot(20);
    peer.acknowledge(15);
    expect(peer.reconnects(10)).toBe(false);
    peer.acknowledge(20);
    expect(peer.reconnects(22)).toBe(false);
    expect(peer.reconnects(21)).toBe(true);
  });
});

describe("being heard", () => {
  it("counts for the window after the check, too: what was only just checked is not silent yet", () => {
    const peer = progress(3);
    expect(peer.alive).toBe(false);
    peer.recentlyActive = true;
    peer.checked();
    expect(peer.recentlyActive).toBe(false);
    expect(peer.alive).toBe(true);
    peer.checked();
    expect(peer.alive).toBe(false);
  });
});
