import { describe, expect, test } from "@jest/globals";
import { realBounds } from "./bounds.js";
import { type HistoryBuilder, history } from "./history-builder.js";
import type { Rule } from "./verdict.js";

type Case = readonly [rule: Rule, what: string, make: () => HistoryBuilder];

const bad: readonly Case[] = [
  [
    "Q1",
    "an acknowledged message is never seen",
    () => history().post([0, 1], "a b").drain(5).claim([6, 7], "k", "b").delete([8, 9], "b"),
  ],
  [
    "Q1",
    "a message that was claimed once is gone when everything is looked for",
    () => history().post([0, 1], "a").claim([2, 3], "k", "a").release([3, 4], "k").drain(5).page([6, 7], "l", ""),
  ],
  [
    "Q1",
    "a message is seen again only before the drain",
    () => history().post([0, 1], "a").page([2, 3], "l", "a").drain(5),
  ],
  [
    "Q1",
    "a read by id does not find what is there",
    () => history().post([0, 1], "a").get([2, 3], "a", "").drain(5).page([6, 7], "l", "a"),
  ],
  [
    "Q2",
    "a message appears that nobody posted",
    () => history().post([0, 1], "a").drain(2).page([3, 4], "l", "a ghost"),
  ],
  [
    "Q2",
    "a body is not the one that was posted",
    () => history().post([0, 1], "a").claim([2, 3], "k", "mangled=#a").drain(5).page([6, 7], "l", "a"),
  ],
  [
    "Q2",
    "a message comes out of another queue",
    () => history().post([0, 1], "a").claim([2, 3], "k", "a", { queue: "other" }).drain(5),
  ],
  [
    "Q3",
    "a second claim inside the first",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k1", "a")
        .claim([10, 11], "k2", "a")
        .drain(200)
        .page([201, 202], "l", "a"),
  ],
  [
    "Q3",
    "two claims at the same time",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 5], "k1", "a")
        .claim([3, 4], "k2", "a")
        .drain(200)
        .page([201, 202], "l", "a"),
  ],
  [
    "Q3",
    "a claim after a renewal, at the time of the old end",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k1", "a", { ttlSec: 60 })
        .renew([50, 51], "k1", { ttlSec: 60 })
        .claim([80, 81], "k2", "a")
        .drain(300)
        .page([301, 302], "l", "a"),
  ],
  [
    "Q3",
    "a claim that overtakes the release",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k1", "a")
        .claim([4, 5], "k2", "a")
        .release([6, 7], "k1")
        .drain(300)
        .page([301, 302], "l", "a"),
  ],
  [
    "Q3",
    "a claim during a delete that the claim's holder asked for",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k1", "a")
        .claim([5, 6], "k2", "a")
        .delete([4, 7], "a", { claimId: "k1" })
        .drain(300),
  ],
  [
    "Q3",
    "one claim id for two claims",
    () =>
      history()
        .post([0, 1], "a b")
        .claim([2, 3], "k", "a")
        .claim([4, 5], "k", "b")
        .drain(300)
        .page([301, 302], "l", "a b"),
  ],
  [
    "Q3",
    "one claim holds a message twice",
    () => history().post([0, 1], "a").claim([2, 3], "k", "a a").drain(300).page([301, 302], "l", "a"),
  ],
  [
    "Q4",
    "a deleted message is claimed",
    () => history().post([0, 1], "a").delete([2, 3], "a").claim([4, 5], "k", "a").drain(6),
  ],
  [
    "Q4",
    "a deleted message is claimed inside the lease under which it was deleted",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k", "a")
        .delete([4, 5], "a", { claimId: "k" })
        .claim([6, 7], "k2", "a")
        .drain(8),
  ],
  [
    "Q4",
    "a deleted message is listed",
    () => history().post([0, 1], "a").delete([2, 3], "a").drain(4).page([4, 5], "l", "a"),
  ],
  [
    "Q4",
    "a deleted message is read",
    () => history().post([0, 1], "a").delete([2, 3], "a").get([4, 5], "a", "a").drain(6),
  ],
  [
    "Q4",
    "a message outlives its queue",
    () => history().post([0, 1], "a").deleteQueue([2, 3]).get([4, 5], "a", "a").drain(6),
  ],
  [
    "Q5",
    "a younger message is claimed first",
    () => history().post([0, 1], "a").post([2, 3], "b").claim([4, 5], "k", "b").drain(6).page([7, 8], "l", "a b"),
  ],
  [
    "Q5",
    "a released message is passed over",
    () =>
      history()
        .post([0, 1], "a")
        .post([2, 3], "b")
        .claim([4, 5], "k1", "a")
        .release([6, 7], "k1")
        .claim([8, 9], "k2", "b")
        .drain(10)
        .page([11, 12], "l", "a b"),
  ],
  [
    "Q5",
    "a message is taken before its elder of the same post",
    () => history().post([0, 1], "a b c").claim([2, 3], "k", "a c").drain(6).page([7, 8], "l", "a b c"),
  ],
  [
    "Q5",
    "a claim's answer is not in order",
    () => history().post([0, 1], "a").post([2, 3], "b").claim([4, 5], "k", "b a").drain(6).page([7, 8], "l", "a b"),
  ],
  [
    "Q5",
    "a page turns a post around",
    () => history().post([0, 1], "a b").drain(2).page([3, 4], "l", "b a").page([4, 5], "l", ""),
  ],
  [
    "Q5",
    "more is passed over than claims of unknown outcome can hold",
    () =>
      history()
        .post([0, 1], "a b")
        .post([2, 3], "c")
        .claim([4, 5], "", "", { outcome: "unknown", limit: 1 })
        .claim([6, 7], "k", "c")
        .drain(300)
        .page([301, 302], "l", "a b c"),
  ],
  [
    "Q6",
    "a retried post makes two messages",
    () => history().post([0, 1], "a").drain(2).page([3, 4], "l", "a a=#a2").page([4, 5], "l", ""),
  ],
  [
    "Q6",
    "a message has another id than was answered",
    () => history().post([0, 1], "a=#x").claim([2, 3], "k", "a=#y").drain(4).page([5, 6], "l", "a=#y"),
  ],
  ["Q6", "two posts are answered with one id", () => history().post([0, 1], "a=#x").post([2, 3], "b=#x").drain(4)],
  [
    "Q7",
    "a lapsed claim's message is not handed out",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k", "a", { ttlSec: 60 })
        .claim([90, 91], "", "")
        .drain(200)
        .page([201, 202], "l", "a"),
  ],
  [
    "Q7",
    "a released message is not handed out though there is room",
    () =>
      history()
        .post([0, 1], "a b")
        .claim([2, 3], "k", "a")
        .release([4, 5], "k")
        .claim([6, 7], "k2", "b", { limit: 10 })
        .drain(200)
        .page([201, 202], "l", "a b"),
  ],
  [
    "Q7",
    "a posted message is not handed out",
    () => history().post([0, 1], "a").claim([2, 3], "", "").drain(200).page([201, 202], "l", "a"),
  ],
  [
    "Q8",
    "an expired message is delivered",
    () => history().post([0, 1], "a", { ttlSec: 60 }).claim([70, 71], "k", "a").drain(200),
  ],
  [
    "Q8",
    "a message outlives its claim's grace",
    () =>
      history()
        .post([0, 1], "a", { ttlSec: 60 })
        .claim([50, 51], "k", "a", { ttlSec: 60, graceSec: 60 })
        .get([180, 181], "a", "a")
        .drain(200),
  ],
  [
    "Q10",
    "stats forget a message",
    () => history().post([0, 1], "a b").stats([2, 3], 1).drain(4).page([5, 6], "l", "a b"),
  ],
  [
    "Q10",
    "stats count what was deleted",
    () => history().post([0, 1], "a").delete([2, 3], "a").stats([4, 5], 1).drain(6),
  ],
  [
    "Q10",
    "stats do not add up",
    () => history().post([0, 1], "a").stats([2, 3], 1, 1, 1).drain(4).page([5, 6], "l", "a"),
  ],
  [
    "Q11",
    "a paging leaves a message out",
    () =>
      history()
        .post([0, 1], "a b c")
        .page([2, 3], "l", "a c")
        .page([3, 4], "l", "")
        .drain(5)
        .page([6, 7], "m", "a b c"),
  ],
  [
    "Q11",
    "a paging shows a message on two pages",
    () =>
      history()
        .post([0, 1], "a b")
        .page([2, 3], "l", "a b")
        .page([3, 4], "l", "b")
        .page([4, 5], "l", "")
        .drain(5)
        .page([6, 7], "m", "a b"),
  ],
  [
    "Q14",
    "a post that failed for certain is delivered",
    () => history().post([0, 1], "a", { outcome: "fail" }).drain(2).page([3, 4], "l", "a"),
  ],
  [
    "Q14",
    "a delete that was refused worked",
    () => history().post([0, 1], "a").delete([2, 3], "a", { outcome: "fail" }).drain(4).page([5, 6], "l", ""),
  ],
  [
    "Q14",
    "a renewal is refused while the claim is alive",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k", "a")
        .renew([4, 5], "k", { outcome: "fail", denied: true })
        .drain(6)
        .page([7, 8], "l", "a"),
  ],
  [
    "Q14",
    "a delete is refused while its claim is alive",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k", "a")
        .delete([4, 5], "a", { outcome: "fail", claimId: "k", denied: true })
        .drain(6)
        .page([7, 8], "l", "a"),
  ],
];

const good: readonly (readonly [what: string, make: () => HistoryBuilder])[] = [
  ["nothing but a drain", () => history().drain(0)],
  [
    "posts, claims, deletes",
    () =>
      history()
        .post([0, 1], "a b c")
        .claim([2, 3], "k", "a b")
        .delete([4, 5], "a", { claimId: "k" })
        .delete([4, 5], "b")
        .drain(6)
        .claim([7, 8], "k2", "c")
        .delete([9, 10], "c")
        .stats([11, 12], 0),
  ],
  [
    "the same ids in two queues",
    () =>
      history()
        .post([0, 1], "a=#1")
        .post([0, 1], "b=#1", { queue: "other" })
        .claim([2, 3], "k", "a=#1")
        .claim([2, 3], "k", "b=#1", { queue: "other" })
        .delete([4, 5], "a=#1", { claimId: "k" })
        .release([6, 7], "k", { queue: "other" })
        .drain(8)
        .page([9, 10], "l", "b=#1", { queue: "other" }),
  ],
  [
    "a claim answered before the post that it delivers",
    () => history().claim([1, 3], "k", "a").post([0, 5], "a").delete([6, 7], "a").drain(8),
  ],
  [
    "a post of unknown outcome that is never seen",
    () => history().post([0, 1], "a", { outcome: "unknown" }).drain(2).page([3, 4], "l", ""),
  ],
  [
    "a post of unknown outcome that turns up late",
    () => history().post([0, 1], "a", { outcome: "unknown" }).page([3, 4], "l", "").drain(5).page([6, 7], "m", "a"),
  ],
  [
    "a message that came out again after its claim lapsed",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k1", "a", { ttlSec: 60 })
        .claim([70, 71], "k2", "a")
        .delete([72, 73], "a", { claimId: "k2" })
        .drain(80),
  ],
  [
    "a claim at the very end of a lease",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k1", "a", { ttlSec: 60 })
        .claim([61, 62], "k2", "a")
        .drain(200)
        .page([201, 202], "l", "a"),
  ],
  [
    "a renewal that shortens the lease",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k1", "a", { ttlSec: 600 })
        .renew([4, 5], "k1", { ttlSec: 60 })
        .claim([66, 67], "k2", "a")
        .drain(700)
        .page([701, 702], "l", "a"),
  ],
  [
    "a release of unknown outcome",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k1", "a")
        .release([4, 5], "k1", { outcome: "unknown" })
        .claim([6, 7], "k2", "a")
        .drain(300)
        .page([301, 302], "l", "a"),
  ],
  [
    "a release of unknown outcome that did nothing",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k1", "a")
        .release([4, 5], "k1", { outcome: "unknown" })
        .claim([6, 7], "", "")
        .drain(300)
        .page([301, 302], "l", "a"),
  ],
  [
    "a delete of unknown outcome that worked",
    () => history().post([0, 1], "a").delete([2, 3], "a", { outcome: "unknown" }).drain(4).page([5, 6], "l", ""),
  ],
  [
    "a delete of unknown outcome that did not",
    () => history().post([0, 1], "a").delete([2, 3], "a", { outcome: "unknown" }).drain(4).page([5, 6], "l", "a"),
  ],
  [
    "a claim of unknown outcome that hides a message",
    () =>
      history()
        .post([0, 1], "a")
        .post([2, 3], "b")
        .claim([4, 5], "", "", { outcome: "unknown", limit: 1 })
        .claim([6, 7], "k", "b")
        .drain(300)
        .page([301, 302], "l", "a b"),
  ],
  [
    "a claim at the same time as a delete",
    () => history().post([0, 1], "a").delete([2, 5], "a").claim([3, 4], "k", "a").drain(300),
  ],
  [
    "posts at the same time, in either order",
    () => history().post([0, 3], "a").post([1, 2], "b").claim([4, 5], "k", "b a").drain(6).page([7, 8], "l", "b a"),
  ],
  [
    "a post that ends while a claim runs",
    () => history().post([0, 3], "a").claim([2, 4], "", "").drain(6).page([7, 8], "l", "a"),
  ],
  [
    "an expired message that is gone",
    () =>
      history()
        .post([0, 1], "a", { ttlSec: 60 })
        .claim([90, 91], "", "")
        .stats([92, 93], 0)
        .drain(100)
        .page([101, 102], "l", ""),
  ],
  [
    "a life stretched by a claim's grace",
    () =>
      history()
        .post([0, 1], "a", { ttlSec: 60 })
        .claim([50, 51], "k", "a", { ttlSec: 60, graceSec: 60 })
        .get([165, 166], "a", "a")
        .drain(200),
  ],
  [
    "a queue that is deleted with what is in it",
    () =>
      history()
        .post([0, 1], "a")
        .deleteQueue([2, 3])
        .post([4, 5], "b")
        .drain(6)
        .page([7, 8], "l", "b")
        .page([8, 9], "l", ""),
  ],
  [
    "a paging during posts and deletes",
    () =>
      history()
        .post([0, 1], "a b")
        .page([2, 4], "l", "a")
        .post([3, 5], "c")
        .delete([3, 6], "b")
        .page([7, 8], "l", "")
        .drain(9)
        .page([10, 11], "m", "a c"),
  ],
  [
    "a paging that leaves out what is claimed",
    () =>
      history()
        .post([0, 1], "a b")
        .claim([2, 3], "k", "a")
        .page([4, 5], "l", "b", { includeClaimed: false })
        .page([6, 7], "l", "", { includeClaimed: false })
        .drain(8)
        .page([9, 10], "m", "a b"),
  ],
  [
    "a renewal that is refused after the claim's last message is gone",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k", "a")
        .delete([4, 5], "a")
        .renew([6, 7], "k", { outcome: "fail", denied: true })
        .drain(8),
  ],
  [
    "a renewal that failed for want of a leader",
    () =>
      history()
        .post([0, 1], "a")
        .claim([2, 3], "k", "a")
        .renew([4, 5], "k", { outcome: "fail" })
        .delete([6, 7], "a", { outcome: "fail", claimId: "k" })
        .drain(8)
        .page([9, 10], "l", "a"),
  ],
  [
    "stats while posts and deletes run",
    () =>
      history()
        .post([0, 1], "a b")
        .post([2, 5], "c")
        .delete([2, 5], "a")
        .stats([3, 4], 3)
        .stats([3, 4], 1)
        .drain(6)
        .page([7, 8], "l", "b c"),
  ],
];

describe("a bad history is caught by the rule that it breaks, and by no other", () => {
  test.each(bad)("%s: %s", (rule, _what, make) => {
    expect(make().broken()).toEqual([rule]);
  });
});

describe("a good history passes", () => {
  test.each(good)("%s", (_what, make) => {
    const verdict = make().check();
    expect(verdict.violations).toEqual([]);
    expect(verdict.valid).toBe(true);
  });

  test.each(good)("%s, with the bounds of real clocks", (_what, make) => {
    expect(make().check(realBounds).violations).toEqual([]);
  });
});

test("a history without a drain is not valid, since loss was not looked for", () => {
  const verdict = history().post([0, 1], "a").check();
  expect(verdict.violations).toEqual([]);
  expect(verdict.valid).toBe(false);
});

test("what happened is counted", () => {
  const { counts } = history()
    .post([0, 1], "a b")
    .post([1, 2], "c", { outcome: "unknown" })
    .claim([3, 4], "k1", "a b")
    .renew([5, 6], "k1")
    .claim([100, 101], "k2", "a b c")
    .release([102, 103], "k2")
    .delete([104, 105], "a b c")
    .delete([104, 105], "a", { outcome: "fail" })
    .drain(200)
    .check();
  expect(counts).toMatchObject({
    ...{ operations: 8, acknowledged: 2, undetermined: 1, recovered: 1, claims: 2, delivered: 5, redelivered: 2 },
    ...{ renewals: 1, releases: 1, lapses: 2, deleted: 3, failed: 1, unknown: 1 },
  });
});
