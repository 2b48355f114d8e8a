import { describe, expect, it } from "@jest/globals";
import { RaftLog } from "../../src/raft/log.js";
import { Persistence } from "../../src/raft/persistence.js";
import { bootstrap, voters } from "./harness.js";
import { entry } from "./solo.js";

const hard = { term: 2, vote: 3, commit: 0 };

function opened(): { log: RaftLog; persistence: Persistence } {
  const restored = { hard, snapshot: bootstrap(voters(1)), termRuns: [], lastIndex: 0, configurations: [] };
  return { log: new RaftLog(restored, 1_000), persistence: new Persistence(hard) };
}

describe("Persistence", () => {
  it("has no order for what is on disk, nor for a commit index alone", () => {
    const { log, persistence } = opened();
    expect(persistence.take(log, hard, 0)).toBeUndefined();
    expect(persistence.take(log, { ...hard, commit: 7 }, 0)).toBeUndefined();
    expect([persistence.pending, persistence.pendingSinceTick]).toEqual([false, undefined]);
  });

  it("lets the commit index ride along", () => {
    const { log, persistence } = opened();
    log.append(entry(1, 2));
    expect(persistence.take(log, hard, 0)?.hard).toBeUndefined();
    log.append(entry(2, 2));
    expect(persistence.take(log, { ...hard, commit: 1 }, 0)?.hard).toEqual({ ...hard, commit: 1 });
  });

  it("knows term and vote to be durable when their order is", () => {
    const { log, persistence } = opened();
    expect(persistence.isDurable(2, 3)).toBe(true);
    persistence.take(log, { term: 4, vote: 0, commit: 0 }, 10);
    persistence.take(log, { term: 4, vote: 1, commit: 0 }, 11);
    expect(persistence.pendingSinceTick).toBe(10);
    expect(persistence.durableTerm).toBe(2);
    persistence.persisted(1, log);
    expect([persistence.durableTerm, persistence.isDurable(4, 1), persistence.pendingSinceTick]).toEqual([
      4,
      false,
      11,
    ]);
    persistence.persisted(2, log);
    expect([persistence.isDurable(4, 1), persistence.pending]).toEqual([true, false]);
  });

  it("counts an order that was reported again, or with a later one, once", () => {
    const { log, persistence } = opened();
    log.append(entry(1, 2));
    persistence.take(log, hard, 0);
    log.append(entry(2, 2));
    persistence.take(log, hard, 0);
    persistence.persisted(2, log);
    persistence.persisted(1, log);
    expect(log.durable).toBe(2);
    expect(() => persistence.persisted(3, log)).toThrow("issued");
  });
});
