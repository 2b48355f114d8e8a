import type { Fabric, SimHost } from "./fabric.js";
import type { SimProcess } from "./sim-process.js";

/** What the user of a stream's end hears; nothing after `closed`, nor after its own `close`. */
export interface StreamHandlers {
  opened?(): void;
  data(payload: unknown): void;
  /** What was sent from this end was received but for a rest below `drainBelowBytes`. */
  drained?(): void;
  closed(reason: string): void;
}

type Packet =
  | { readonly type: "data"; readonly payload: unknown; readonly bytes: number }
  | { readonly type: "end"; readonly reason: string };

interface EndOptions {
  readonly process: SimProcess;
  readonly host: SimHost;
  handlers: StreamHandlers;
}

/** One end of a stream, and what is on its way from it to the other. */
export class StreamEnd {
  readonly stream: SimStream;
  readonly host: SimHost;
  process: SimProcess;
  handlers: StreamHandlers;
  closed = false;
  /** Sent and not yet received. */
  bufferedBytes = 0;
  /** Set by the user who wants `drained`, once. */
  drainBelowBytes = 0;
  /** Packets that a cut link swallowed; sent again when it is mended. */
  readonly held: Packet[] = [];
  /** When the last packet sent from here arrives: streams keep their order. */
  lastArrivalMs = 0;
  /** Raised when what is on its way from here is lost. */
  epoch = 0;

  constructor(stream: SimStream, { process, host, handlers }: EndOptions) {
    this.stream = stream;
    this.host = host;
    this.process = process;
    this.handlers = handlers;
  }

  send(payload: unknown, bytes: number): void {
    if (this.closed) return;
    this.bufferedBytes += bytes;
    this.stream.transmit(this, { type: "data", payload, bytes });
  }

  /** Ends the stream from this side. */
  close(reason = "closed by the other side"): void {
    if (this.closed) return;
    this.closed = true;
    this.stream.transmit(this, { type: "end", reason });
    this.stream.forgetIfOver();
  }
}

/**
 * A TCP connection: ordered and reliable until it ends. A cut link holds packets back; an end that hears nothing for long
 * gives up; a process that dies takes what it had sent with it, or not.
 */
export class SimStream {
  readonly dialler: StreamEnd;
  readonly #fabric: Fabric;
  readonly #target: SimHost;
  readonly #service: string;
  #acceptor: StreamEnd | undefined;
  #open = false;
  #disturbedSinceMs: number | undefined;

  constructor(fabric: Fabric, dialler: EndOptions, target: SimHost, service: string) {
    this.#fabric = fabric;
    this.#target = target;
    this.#service = service;
    this.dialler = new StreamEnd(this, dialler);
  }

  get isOpen(): boolean {
    return this.#open && !this.dialler.closed && this.#acceptor?.closed === false;
  }

  // --- opening

  /** Asks at once, then after 1, 3 and 7 seconds if the packets got lost. */
  dial(attempt = 0): void {
    const { world } = this.#fabric;
    const { host } = this.dialler;
    if (this.dialler.closed) {
      this.#fabric.forget(this);
      return;
    }
    const lost =
      !this.#target.up || this.#fabric.isBlocked(host, this.#target) || this.#fabric.isBlocked(this.#target, host);
    if (!lost) {
      world.after(this.#fabric.latencyMs(), undefined, () => {
        this.#arrive();
      });
      return;
    }
    world.after(1_000 * 2 ** attempt, this.dialler.process, () => {
      this.dial(attempt + 1);
    });
  }

  #arrive(): void {
    const { world } = this.#fabric;
    if (this.dialler.closed) {
      this.#fabric.forget(this);
      return;
    }
    const listener = this.#target.up ? this.#target.listeners.get(this.#service) : undefined;
    if (listener === undefined) {
      world.after(this.#fabric.latencyMs(), this.dialler.process, () => {
        this.#endAt(this.dialler, this.#target.up ? "refused" : "no answer");
      });
      return;
    }
    listener(this.#makeAcceptor());
  }

  #makeAcceptor(): StreamEnd {
    const end = new StreamEnd(this, {
      // Replaced by `accept`, which the listener calls with its process.
      process: this.dialler.process,
      host: this.#target,
      handlers: { data: () => undefined, closed: () => undefined },
    });
    this.#acceptor = end;
    return end;
  }

  /** The listener's process takes the stream. */
  accept(process: SimProcess, handlers: StreamHandlers): void {
    const end = this.#acceptor;
    if (end === undefined) throw new Error("nothing to accept");
    end.process = process;
    end.handlers = handlers;
    this.#open = true;
    this.#fabric.world.after(this.#fabric.latencyMs(), this.dialler.process, () => {
      if (this.dialler.closed) return;
      const early = this.dialler.held.splice(0);
      this.dialler.handlers.opened?.();
      for (const packet of early) this.transmit(this.dialler, packet);
      this.check();
    });
  }

  // --- data

  #other(end: StreamEnd): StreamEnd | undefined {
    return end === this.dialler ? this.#acceptor : this.dialler;
  }

  transmit(from: StreamEnd, packet: Packet): void {
    const to = this.#other(from);
    if (to === undefined || !this.#open || from.held.length > 0 || this.#fabric.isBlocked(from.host, to.host)) {
      from.held.push(packet);
      return;
    }
    this.#schedule(from, to, packet, 0);
  }

  #schedule(from: StreamEnd, to: StreamEnd, packet: Packet, extraMs: number): void {
    const { world } = this.#fabric;
    const atMs = Math.max(from.lastArrivalMs, world.nowMs + extraMs + this.#fabric.latencyMs());
    from.lastArrivalMs = atMs;
    const { epoch } = from;
    world.after(atMs - world.nowMs, to.process, () => {
      if (epoch === from.epoch) this.#receive(from, to, packet);
    });
  }

  #receive(from: StreamEnd, to: StreamEnd, packet: Packet): void {
    if (packet.type === "data") this.#received(from, packet.bytes);
    if (to.closed) return;
    if (packet.type === "end") this.#endAt(to, packet.reason);
    else to.handlers.data(packet.payload);
  }

  #received(from: StreamEnd, bytes: number): void {
    from.bufferedBytes -= bytes;
    if (from.drainBelowBytes === 0 || from.bufferedBytes >= from.drainBelowBytes) return;
    from.drainBelowBytes = 0;
    this.#fabric.world.after(this.#fabric.latencyMs(), from.process, () => {
      if (!from.closed) from.handlers.drained?.();
    });
  }

  #endAt(end: StreamEnd, reason: string): void {
    if (end.closed) return;
    end.closed = true;
    this.forgetIfOver();
    end.handlers.closed(reason);
  }

  forgetIfOver(): void {
    if (this.dialler.closed && this.#acceptor?.closed !== false) this.#fabric.forget(this);
  }

  // --- trouble

  get #isBroken(): boolean {
    const a = this.dialler;
    const b = this.#acceptor;
    if (b === undefined) return false;
    if (!a.host.up || !b.host.up || a.process.paused || b.process.paused) return true;
    return this.#fabric.isBlocked(a.host, b.host) || this.#fabric.isBlocked(b.host, a.host);
  }

  /** Starts or ends the time of silence after which the ends give up; sends again what a mended link had swallowed. */
  check(): void {
    if (!this.#open || this.#acceptor === undefined) return;
    const { world, rng, options } = this.#fabric;
    this.#resend(this.dialler, this.#acceptor);
    this.#resend(this.#acceptor, this.dialler);
    if (!this.#isBroken) {
      this.#disturbedSinceMs = undefined;
      return;
    }
    if (this.#disturbedSinceMs !== undefined) return;
    const sinceMs = world.nowMs;
    this.#disturbedSinceMs = sinceMs;
    for (const end of [this.dialler, this.#acceptor]) {
      world.after(options.keepaliveMs * (0.5 + 0.5 * rng.fraction()), end.process, () => {
        if (this.#disturbedSinceMs === sinceMs && !end.closed) this.#giveUp(end);
      });
    }
  }

  #resend(from: StreamEnd, to: StreamEnd): void {
    if (from.held.length === 0 || this.#fabric.isBlocked(from.host, to.host)) return;
    const { world, rng } = this.#fabric;
    if (from.held.some((packet) => packet.type === "data")) world.coverage.add("clogsReleased");
    const delayMs = rng.fraction() * 300;
    for (const packet of from.held.splice(0)) this.#schedule(from, to, packet, delayMs);
  }

  #giveUp(end: StreamEnd): void {
    this.#fabric.world.coverage.add("streamsReset");
    end.close("reset");
    end.handlers.closed("no answer to a keepalive");
  }

  /** As if a middlebox had sent both ends a reset: what is on its way is lost. */
  reset(): void {
    const other = this.#acceptor;
    if (other === undefined) return;
    this.#fabric.world.coverage.add("streamsReset");
    for (const end of [this.dialler, other]) {
      end.epoch++;
      end.held.length = 0;
    }
    for (const end of [this.dialler, other]) {
      this.#fabric.world.after(this.#fabric.latencyMs(), end.process, () => {
        this.#endAt(end, "reset");
      });
    }
  }

  processDied(process: SimProcess): void {
    for (const end of [this.dialler, this.#acceptor]) {
      if (end?.process !== process || end.closed) continue;
      end.closed = true;
      this.forgetIfOver();
      const { rng, world } = this.#fabric;
      if (!end.host.up) {
        // Without power nothing is sent. The other end finds out by itself, or when the machine is back.
        end.epoch++;
        end.held.length = 0;
        this.check();
        const other = this.#other(end);
        if (other !== undefined) this.#answerAfterPower(end.host, other);
        continue;
      }
      if (rng.fraction() < 0.5) {
        end.epoch++;
        end.held.length = 0;
      }
      world.after(0, undefined, () => {
        this.transmit(end, { type: "end", reason: "the process is gone" });
      });
    }
  }

  /** Keeps asking until the machine is back and refuses, or the end gave up. */
  #answerAfterPower(host: SimHost, end: StreamEnd): void {
    this.#fabric.world.after(500, end.process, () => {
      if (end.closed) return;
      if (host.up && !this.#fabric.isBlocked(host, end.host)) this.#endAt(end, "reset");
      else this.#answerAfterPower(host, end);
    });
  }
}
