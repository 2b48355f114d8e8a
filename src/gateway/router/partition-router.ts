import type {
  ClaimId,
  ClaimOptions,
  ClaimView,
  DeleteOutcome,
  ListMessagesOptions,
  MessageBatch,
  MessageId,
  MessagePage,
  NewClaim,
  PostedMessages,
  QueueEntry,
  QueueService,
  QueueStats,
  StoredMessage,
} from "../../contract/index.js";
import { Dispatcher, type DispatcherOptions } from "./dispatcher.js";
import { mergeQueues } from "./merge-queues.js";
import type { RouterStats } from "./stats.js";

/** The cluster as a QueueService: each call becomes one command or query of the queue's home partition. */
export class PartitionRouter implements QueueService {
  readonly #dispatcher: Dispatcher;

  constructor(options: DispatcherOptions) {
    this.#dispatcher = new Dispatcher(options);
  }

  /** Dials the nodes. Calls made before one answers wait for it, up to their timeout. */
  start(): void {
    this.#dispatcher.start();
  }

  async createQueue(project: string, queue: string): Promise<boolean> {
    const { created } = await this.#dispatcher.command({ op: "create-queue", project, queue });
    return created;
  }

  async queueExists(project: string, queue: string): Promise<boolean> {
    return (await this.getMetadata(project, queue)) !== undefined;
  }

  async deleteQueue(project: string, queue: string): Promise<void> {
    await this.#dispatcher.command({ op: "delete-queue", project, queue });
  }

  getMetadata(project: string, queue: string): Promise<Uint8Array | undefined> {
    return this.#dispatcher.query({ op: "get-queue", project, queue });
  }

  setMetadata(project: string, queue: string, metadata: Uint8Array): Promise<boolean> {
    return this.#dispatcher.command({ op: "set-metadata", project, queue, metadata });
  }

  async listQueues(project: string, marker: string, limit: number, detailed: boolean): Promise<QueueEntry[]> {
    const lists = await this.#dispatcher.queryAll({ op: "list-queues", project, queue: "", marker, limit, detailed });
    return mergeQueues(lists, limit);
  }

  queueStats(project: string, queue: string): Promise<QueueStats | undefined> {
    return this.#dispatcher.query({ op: "queue-stats", project, queue });
  }

  postMessages(
    project: string,
    queue: string,
    clientId: Uint8Array,
    batch: MessageBatch,
  ): Promise<PostedMessages | undefined> {
    return this.#dispatcher.command({ op: "post", project, queue, clientId, batch });
  }

  listMessages(project: string, queue: string, options: ListMessagesOptions): Promise<MessagePage> {
    return this.#dispatcher.query({ op: "list-messages", project, queue, ...options });
  }

  async getMessages(project: string, queue: string, ids: readonly MessageId[]): Promise<StoredMessage[]> {
    return [...(await this.#dispatcher.query({ op: "get-messages", project, queue, ids }))];
  }

  deleteMessage(project: string, queue: string, id: MessageId, claim: ClaimId | undefined): Promise<DeleteOutcome> {
    return this.#dispatcher.command({ op: "delete-message", project, queue, id, claim });
  }

  async deleteMessages(project: string, queue: string, ids: readonly MessageId[]): Promise<void> {
    await this.#dispatcher.command({ op: "delete-messages", project, queue, ids });
  }

  createClaim(project: string, queue: string, options: ClaimOptions): Promise<NewClaim | undefined> {
    return this.#dispatcher.command({ op: "claim", project, queue, ...options });
  }

  getClaim(project: string, queue: string, claim: ClaimId): Promise<ClaimView | undefined> {
    return this.#dispatcher.query({ op: "get-claim", project, queue, claim });
  }

  renewClaim(project: string, queue: string, claim: ClaimId, ttlSec: number, graceSec: number): Promise<boolean> {
    return this.#dispatcher.command({ op: "renew-claim", project, queue, claim, ttlSec, graceSec });
  }

  async releaseClaim(project: string, queue: string, claim: ClaimId): Promise<void> {
    await this.#dispatcher.command({ op: "release-claim", project, queue, claim });
  }

  healthy(): boolean {
    return this.#dispatcher.healthy();
  }

  /** A snapshot of counters and gauges for telemetry. */
  stats(): RouterStats {
    return this.#dispatcher.stats();
  }

  /** Refuses new calls, waits up to `graceMs` for those under way, gives up the rest and hangs up. */
  close(graceMs: number): Promise<void> {
    return this.#dispatcher.close(graceMs);
  }
}
