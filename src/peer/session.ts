import type { Timer, Timers } from "../base/index.js";
import type { PeerFrame, PeerHello } from "../gen/marconi/v1/peers_pb.js";
import type { Logger } from "../telemetry/index.js";
import type { Refusal } from "./identity-check.js";
import { peerLimits } from "./limits.js";
import { PeerLink, type PeerStream } from "./link.js";
import type { NodeId } from "./network.js";

export interface Dialled {
  readonly node: NodeId;
  readonly address: string;
}

/** How a stream ended. Only of a `broken` one it is open whether the process behind it is still there. */
export type SessionEnd = "broken" | "refused" | "hung-up";

/** Who has sessions; none of these is called after `released`. */
export interface SessionOwner {
  readonly timers: Timers;
  readonly log: Logger;
  /** Why the node that said `hello` is not heard; undefined when it is welcome. */
  refusalOf(hello: PeerHello, session: PeerSession): Refusal | undefined;
  /** Resolves when it is on disk which incarnation was met. */
  remember(hello: PeerHello): Promise<void>;
  /** This node's hello. */
  hello(refusal: Refusal | undefined): PeerFrame;
  /** Both have said hello; what the other says is handed to `take` from now on. */
  stands(session: PeerSession): void;
  /** False when the frame does not follow the format: then the session is over. */
  take(session: PeerSession, frame: PeerFrame): boolean;
  /** Called once; a session that stood is to be counted as lost. */
  ended(session: PeerSession, end: SessionEnd): void;
  /** The other side refuses this node; called after `ended`. */
  refusedBy(hello: PeerHello): void;
  /** The stream needs nothing any more: what it holds on to may be closed. Called once, last of all. */
  released(session: PeerSession): void;
}

/**
 * One stream to a peer, from its first frame to its end. Whoever dialled says hello first. The other answers with its own, or
 * with one that carries the reason of its refusal; then the dialler may still refuse in the same way.
 */
export class PeerSession {
  /** Who was called; undefined for a stream that came in. */
  readonly dialled: Dialled | undefined;
  readonly link: PeerLink;
  readonly #owner: SessionOwner;
  readonly #helloTimer: Timer;
  #hello: PeerHello | undefined;
  #stands = false;
  #over = false;

  constructor(owner: SessionOwner, stream: PeerStream, dialled: Dialled | undefined) {
    this.#owner = owner;
    this.dialled = dialled;
    this.link = new PeerLink(stream);
    this.#helloTimer = owner.timers.after(peerLimits.helloTimeoutMs, () => {
      this.#end("broken");
    });
    const broken = (): void => {
      this.#end("broken");
    };
    stream.on("error", broken);
    stream.on("end", broken);
    stream.on("close", broken);
    stream.on("cancelled", broken);
    stream.on("data", (frame: PeerFrame) => {
      if (!this.#over) this.#hear(frame);
    });
    if (dialled !== undefined) stream.write(owner.hello(undefined));
  }

  /** What the other side said of itself; undefined before it did. */
  get hello(): PeerHello | undefined {
    return this.#hello;
  }

  /** Ends the stream from this side. With a refusal the other side is told why, behind everything that waits already. */
  hangUp(refusal?: Refusal): void {
    this.#end("hung-up", refusal);
  }

  /** Ends it at once, whatever is still to be delivered. */
  cutOff(): void {
    this.hangUp();
    this.link.close();
  }

  #hear(frame: PeerFrame): void {
    const { hello } = frame;
    if (hello !== undefined && (hello.refusal !== "" || hello.evicted)) {
      this.#end("refused");
      this.#owner.refusedBy(hello);
    } else if (this.#stands) {
      if (!this.#owner.take(this, frame)) this.hangUp();
    } else if (hello === undefined) {
      const { address } = this.dialled ?? {};
      this.#owner.log.error({ address }, "a peer's first frame carries no hello; its stream is closed");
      this.hangUp();
    } else this.#meet(hello);
  }

  #meet(hello: PeerHello): void {
    const owner = this.#owner;
    const refusal = owner.refusalOf(hello, this);
    if (refusal !== undefined) {
      this.hangUp(refusal);
      return;
    }
    this.#hello = hello;
    this.#helloTimer.cancel();
    this.link.stream.pause();
    owner.remember(hello).then(
      () => {
        if (!this.#over) this.#settle(hello);
      },
      (error: unknown) => {
        owner.log.error({ err: error, node: hello.nodeId }, "cannot record the incarnation of a peer");
        this.hangUp();
      },
    );
  }

  #settle(hello: PeerHello): void {
    // While the incarnation was written, another map or another stream of the same node may have come.
    const refusal = this.#owner.refusalOf(hello, this);
    if (refusal !== undefined) {
      this.hangUp(refusal);
      return;
    }
    const { stream } = this.link;
    if (this.dialled === undefined) stream.write(this.#owner.hello(undefined));
    this.#stands = true;
    this.#owner.stands(this);
    stream.resume();
  }

  #end(end: SessionEnd, refusal?: Refusal): void {
    if (this.#over) return;
    this.#over = true;
    this.#helloTimer.cancel();
    const released = (): void => {
      this.#owner.released(this);
    };
    if (refusal === undefined) this.link.close();
    else {
      this.link.closeAfter(this.#owner.hello(refusal), this.#owner.timers, released);
      // A paused stream would keep the end of the call to itself.
      this.link.stream.resume();
    }
    this.#owner.ended(this, end);
    if (refusal === undefined) released();
  }
}
