import {
  type ChannelCredentials,
  type Client,
  type ClientUnaryCall,
  connectivityState,
  makeClientConstructor,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import type { Timers } from "../base/index.js";
import {
  type ChangeRequest,
  type ChangeResponse,
  ClusterService,
  type DescribeRequest,
  type DescribeResponse,
  type TransferLeadershipRequest,
  type TransferLeadershipResponse,
} from "../gen/marconi/v1/cluster_pb.js";
import { channelOptions, serviceDefinition } from "../rpc/index.js";
import { adminLimits } from "./limits.js";

interface Methods {
  readonly describe: { readonly request: DescribeRequest; readonly response: DescribeResponse };
  readonly change: { readonly request: ChangeRequest; readonly response: ChangeResponse };
  readonly transferLeadership: {
    readonly request: TransferLeadershipRequest;
    readonly response: TransferLeadershipResponse;
  };
}
export type Method = keyof Methods;
/** A request without what the encoder fills in. */
export type RequestOf<M extends Method> = Omit<Methods[M]["request"], "$typeName" | "$unknown">;
export type ResponseOf<M extends Method> = Methods[M]["response"];

type Unary<M extends Method> = (
  request: RequestOf<M>,
  callback: (error: ServiceError | null, response?: ResponseOf<M>) => void,
) => ClientUnaryCall;
type ClusterClient = Client & { [M in Method]: Unary<M> };

const ClusterClientConstructor = makeClientConstructor(serviceDefinition(ClusterService), "ClusterService");

/** `reason` completes a sentence that begins with the address. */
export type CallOutcome<R> =
  | { readonly kind: "answer"; readonly response: R }
  /** It never got the question. */
  | { readonly kind: "unasked"; readonly reason: string }
  /** It does not take such questions, and will not later. */
  | { readonly kind: "declined"; readonly reason: string }
  /** It got the question, perhaps, and may have done what was asked. */
  | { readonly kind: "unanswered"; readonly reason: string };

export interface CallTerms {
  readonly credentials: ChannelCredentials;
  readonly timers: Timers;
  /** What is left of the caller's time, in milliseconds. */
  readonly budgetMs: number;
  /** Aborted: nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** Statuses with which a server says that it did nothing. Others may come from the client's side of a call that was done. */
const declines: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.FAILED_PRECONDITION,
  status.UNIMPLEMENTED,
]);

/**
 * Asks one node one thing. The connection is made first, so that a question which was never sent is told from one without an
 * answer: only the latter leaves a doubt. A connection of its own for every question: they are rare, and carry no back-off
 * over from the last failure. Never throws.
 */
export async function callNode<M extends Method>(
  address: string,
  method: M,
  request: RequestOf<M>,
  terms: CallTerms,
): Promise<CallOutcome<ResponseOf<M>>> {
  const client = new ClusterClientConstructor(address, terms.credentials, channelOptions) as unknown as ClusterClient;
  try {
    const connected = await connect(client.getChannel(), terms);
    if (!connected) return { kind: "unasked", reason: "cannot be connected to" };
    return await ask(client, method, request, terms);
  } finally {
    client.close();
  }
}

/** True when there is a connection; false when there is none, at once where that is certain. */
function connect(channel: ReturnType<Client["getChannel"]>, { timers, budgetMs, signal }: CallTerms): Promise<boolean> {
  return new Promise((resolve) => {
    let over = false;
    const settle = (connected: boolean): void => {
      over = true;
      timer.cancel();
      signal.removeEventListener("abort", giveUp);
      resolve(connected);
    };
    const giveUp = (): void => settle(false);
    const look = (): void => {
      if (over) return;
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) settle(true);
      else if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) settle(false);
      else channel.watchConnectivityState(state, Infinity, look);
    };
    const timer = timers.after(Math.min(budgetMs, adminLimits.connectTimeoutMs), giveUp);
    signal.addEventListener("abort", giveUp);
    if (signal.aborted) giveUp();
    else look();
  });
}

function ask<M extends Method>(
  client: ClusterClient,
  method: M,
  request: RequestOf<M>,
  { timers, budgetMs, signal }: CallTerms,
): Promise<CallOutcome<ResponseOf<M>>> {
  return new Promise((resolve) => {
    const waitMs = Math.min(budgetMs, adminLimits.answerTimeoutMs);
    let isLate = false;
    const cancel = (): void => call.cancel();
    const timer = timers.after(waitMs, () => {
      isLate = true;
      cancel();
    });
    const call = (client as { [K in M]: Unary<K> })[method](request, (error, response) => {
      timer.cancel();
      signal.removeEventListener("abort", cancel);
      if (response !== undefined) resolve({ kind: "answer", response });
      else if (error !== null && declines.has(error.code)) resolve({ kind: "declined", reason: declined(error) });
      else {
        const why = isLate ? `did not answer within ${waitMs.toFixed(0)} ms` : (error?.details ?? "gave no answer");
        resolve({ kind: "unanswered", reason: isLate ? why : `broke off: ${why}` });
      }
    });
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
  });
}

function declined(error: ServiceError): string {
  return error.code === status.UNIMPLEMENTED
    ? "is no storage node, or one of an older version that knows nothing of such questions"
    : `says: ${error.details}`;
}
