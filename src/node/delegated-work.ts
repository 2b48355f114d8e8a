import type { NodeId, SnapshotPart } from "../peer/index.js";
import type { ReplicaId } from "../raft/index.js";
import type { Replica } from "./replica.js";
import type { SnapshotPost, TransferName } from "./snapshot-post.js";
import type { SnapshotSender } from "./snapshot-sender.js";
import { type DelegateReport, DelegateState, readDelegateOrder, writeDelegateReport } from "./snapshot-wire.js";

interface Job {
  readonly name: TransferName;
  /** Of the leader. */
  readonly node: NodeId;
}

/** What this node sends for leaders elsewhere. They are told every second that it is under way, and what it came to. */
export class DelegatedWork {
  readonly #sender: SnapshotSender;
  readonly #post: SnapshotPost;
  readonly #hosts: { nodeOf(replica: ReplicaId): NodeId | undefined };
  readonly #jobs = new Set<Job>();

  constructor(sender: SnapshotSender, post: SnapshotPost, hosts: { nodeOf(replica: ReplicaId): NodeId | undefined }) {
    this.#sender = sender;
    this.#post = post;
    this.#hosts = hosts;
  }

  /** A leader asks. Throws DecodeError for what does not follow the format. */
  asked(from: NodeId, replica: Replica, part: SnapshotPart): void {
    const { to, node, minimumIndex, leader, term } = readDelegateOrder(part);
    // Nobody speaks for another leader, and a leader of the past has nothing to give.
    if (this.#hosts.nodeOf(leader) !== from || replica.leadership.term > term) return;
    const job = { name: { group: part.group, transfer: part.transfer }, node: from };
    const began = this.#sender.send({
      ...{ replica, to, node, minimumIndex, leader, term },
      done: (outcome, index) => {
        this.#jobs.delete(job);
        this.#report(job, { state: DelegateState[outcome], index });
      },
    });
    if (began) this.#jobs.add(job);
    else this.#report(job, { state: DelegateState.cannot, index: 0 });
  }

  sweep(): void {
    for (const job of this.#jobs) this.#report(job, { state: DelegateState.underWay, index: 0 });
  }

  #report({ name, node }: Job, report: DelegateReport): void {
    this.#post.say(node, name, "delegated", { detail: writeDelegateReport(report) });
  }
}
