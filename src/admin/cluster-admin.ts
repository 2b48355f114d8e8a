import { type ChannelCredentials, credentials as grpcCredentials } from "@grpc/grpc-js";
import { assert, type Clock, DecodeError, systemClock, systemTimers, type Timers } from "../base/index.js";
import {
  type ClusterMap,
  decodeMap,
  encodeCommand,
  type MapCommand,
  metaGroup,
  type NodeId,
} from "../cluster/index.js";
import { PROTOCOL_VERSION } from "../rpc/index.js";
import { AdminError } from "./admin-error.js";
import { describeNode, type NodeDescription } from "./description.js";
import { type CallOutcome, callNode, type Method, type RequestOf, type ResponseOf } from "./node-call.js";
import { Replies } from "./replies.js";
import { Rounds } from "./rounds.js";

export interface ClusterAdminOptions {
  /** host:port of nodes to ask first, at least one; others are learnt from them. */
  readonly addresses: readonly string[];
  /** Of one question with all that it takes to find whoever can answer, in milliseconds. */
  readonly timeoutMs: number;
  /** The only cluster to speak to. Left out: the one that the first node which is described belongs to. */
  readonly clusterId?: string;
  /** Default: no encryption. */
  readonly credentials?: ChannelCredentials;
  readonly timers?: Timers;
  readonly clock?: Pick<Clock, "monotonicMs">;
}

/** What a node made of a question, as far as going on is concerned. */
type Step<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "refused"; readonly sentence: string }
  | { readonly kind: "redirect"; readonly addresses: readonly string[] }
  | Exclude<CallOutcome<never>, { readonly kind: "answer" }>;

type ReadMap = Extract<Step<ClusterMap>, { readonly kind: "done" | "unanswered" }>;

/** A node of a newer version may have a map that this one does not understand. */
function readMap(bytes: Uint8Array): ReadMap {
  try {
    return { kind: "done", value: decodeMap(bytes) };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { kind: "unanswered", reason: `sent a cluster map that cannot be read: ${error.message}` };
  }
}

interface Question<T> {
  /** What nobody leads when every node points elsewhere: "partition 3". */
  readonly subject: string;
  /** It may be asked again although it may have been done. */
  readonly isRepeatable: boolean;
  readonly ask: (address: string, budgetMs: number) => Promise<Step<T>>;
}

/**
 * Asks the nodes of a cluster for their state and for changes. Several questions may be under way at once.
 *
 * A change whose outcome is unknown is asked again until the time is up. That is safe since every map command says what shall
 * be, not what shall be added: done twice it is done once, and one that comes too late is refused. Others may change the same
 * thing in between; the repetition then counts as the later word, as if it had been given only then.
 */
export class ClusterAdmin {
  readonly #addresses: readonly string[];
  readonly #timeoutMs: number;
  readonly #credentials: ChannelCredentials;
  readonly #timers: Timers;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #closed = new AbortController();
  #clusterId: string | undefined;
  /** Who made the last change: most likely it still leads. */
  #likely: readonly string[] = [];

  constructor(options: ClusterAdminOptions) {
    assert(options.addresses.length > 0, "there is somebody to ask");
    this.#addresses = options.addresses;
    this.#timeoutMs = options.timeoutMs;
    this.#clusterId = options.clusterId;
    this.#credentials = options.credentials ?? grpcCredentials.createInsecure();
    this.#timers = options.timers ?? systemTimers;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * What a node knows: the one at `address`, or the first of this client's that answers. Each is asked once.
   *
   * @throws AdminError `unreachable` when none answers, `refused` when those that do are of another cluster or version
   */
  async describe(address?: string): Promise<NodeDescription> {
    const replies = new Replies();
    const untilMs = this.#clock.monotonicMs() + this.#timeoutMs;
    for (const one of address === undefined ? this.#addresses : [address]) {
      const budgetMs = untilMs - this.#clock.monotonicMs();
      if (budgetMs <= 0 || this.#closed.signal.aborted) break;
      const outcome = await this.#call(one, "describe", { protocolVersion: PROTOCOL_VERSION }, budgetMs);
      if (outcome.kind !== "answer") {
        replies.note(one, outcome.reason, outcome.kind === "declined");
        continue;
      }
      const problem = this.#stranger(outcome.response);
      if (problem !== undefined) {
        replies.note(one, problem, true);
        continue;
      }
      const map = readMap(outcome.response.map);
      if (map.kind === "done") {
        this.#clusterId ??= outcome.response.clusterId;
        return describeNode(one, outcome.response, map.value);
      }
      replies.note(one, map.reason, true);
    }
    if (replies.isHopeless) throw new AdminError("refused", replies.text());
    throw new AdminError("unreachable", `no node answers: ${replies.text()}`);
  }

  /**
   * Changes the map: finds the leader of the meta group by what nodes say about it, and rides out an election.
   *
   * @returns the map in which the command is done
   * @throws AdminError
   */
  change(command: MapCommand): Promise<ClusterMap> {
    const bytes = encodeCommand(command);
    return this.#askAround({
      subject: "the cluster's meta group",
      isRepeatable: true,
      ask: async (address, budgetMs): Promise<Step<ClusterMap>> => {
        const request = { protocolVersion: PROTOCOL_VERSION, clusterId: this.#clusterId ?? "", command: bytes };
        const outcome = await this.#call(address, "change", request, budgetMs);
        if (outcome.kind !== "answer") return outcome;
        const { outcome: answer } = outcome.response;
        switch (answer.case) {
          case "map":
            this.#likely = [address];
            return readMap(answer.value);
          case "refused":
            return { kind: "refused", sentence: answer.value };
          case "redirect":
            return { kind: "redirect", addresses: answer.value.addresses };
          case "unknown":
            return { kind: "unanswered", reason: `says: ${answer.value}` };
          default:
            return { kind: "unanswered", reason: "gave an answer that this version does not know" };
        }
      },
    });
  }

  /**
   * Asks the leader of a group to hand over.
   *
   * @param toNodeId left out: whoever of its followers is up to date. An unanswered question is then not repeated: the next
   *   leader would hand over, too
   * @returns the node that is to lead
   * @throws AdminError
   */
  transferLeadership(group: number, toNodeId?: NodeId): Promise<NodeId> {
    return this.#askAround({
      subject: group === metaGroup ? "the cluster's meta group" : `partition ${String(group)}`,
      isRepeatable: toNodeId !== undefined,
      ask: async (address, budgetMs): Promise<Step<NodeId>> => {
        const request = {
          protocolVersion: PROTOCOL_VERSION,
          clusterId: this.#clusterId ?? "",
          group,
          toNodeId: toNodeId ?? "",
        };
        const outcome = await this.#call(address, "transferLeadership", request, budgetMs);
        if (outcome.kind !== "answer") return outcome;
        const { outcome: answer } = outcome.response;
        switch (answer.case) {
          case "toNodeId":
            return { kind: "done", value: answer.value };
          case "refused":
            return { kind: "refused", sentence: answer.value };
          case "redirect":
            return { kind: "redirect", addresses: answer.value.addresses };
          default:
            return { kind: "unanswered", reason: "gave an answer that this version does not know" };
        }
      },
    });
  }

  /** Ends what is under way; questions that were sent may still be done. */
  close(): void {
    this.#closed.abort();
  }

  #call<M extends Method>(
    address: string,
    method: M,
    request: RequestOf<M>,
    budgetMs: number,
  ): Promise<CallOutcome<ResponseOf<M>>> {
    const { signal } = this.#closed;
    return callNode(address, method, request, {
      credentials: this.#credentials,
      timers: this.#timers,
      budgetMs,
      signal,
    });
  }

  /** Why a node is not to be spoken to. */
  #stranger({ clusterId, protocolVersion }: ResponseOf<"describe">): string | undefined {
    if (protocolVersion !== PROTOCOL_VERSION)
      return `speaks version ${String(protocolVersion)} of the protocol; this is version ${String(PROTOCOL_VERSION)}`;
    if (this.#clusterId !== undefined && clusterId !== this.#clusterId)
      return `belongs to another cluster, ${clusterId}, not to ${this.#clusterId}`;
    return undefined;
  }

  async #askAround<T>(question: Question<T>): Promise<T> {
    const rounds = new Rounds(this.#addresses);
    rounds.point(this.#likely);
    const replies = new Replies();
    const untilMs = this.#clock.monotonicMs() + this.#timeoutMs;
    for (;;) {
      const leftMs = untilMs - this.#clock.monotonicMs();
      if (leftMs <= 0 || this.#closed.signal.aborted) throw replies.gaveUp(question.subject);
      const address = rounds.next();
      if (address === undefined) {
        if (replies.isHopeless) throw new AdminError("refused", replies.text());
        await this.#sleep(Math.min(rounds.again(), leftMs));
        continue;
      }
      const step = await question.ask(address, leftMs);
      switch (step.kind) {
        case "done":
          return step.value;
        case "refused":
          throw replies.refused(step.sentence);
        case "redirect":
          replies.redirected(address, step.addresses);
          rounds.point(step.addresses);
          break;
        case "unanswered":
          replies.doubt(address, step.reason);
          if (!question.isRepeatable) throw replies.gaveUp(question.subject);
          break;
        default:
          replies.note(address, step.reason, step.kind === "declined");
      }
    }
  }

  #sleep(delayMs: number): Promise<void> {
    const { signal } = this.#closed;
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = this.#timers.after(delayMs, wake);
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake();
    });
  }
}
