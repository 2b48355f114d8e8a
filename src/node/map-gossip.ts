import type { NodeId, PeerNetwork } from "../peer/index.js";
import { encodeControl } from "./control-codec.js";
import type { ClusterView } from "./cluster-view.js";

/**
 * Brings the newest map to every node. Replicas of the meta group push what they applied at once; the others pass a map on at
 * the next tick, to those who by then have not said that they have it.
 */
export class MapGossip {
  readonly #view: ClusterView;
  readonly #network: PeerNetwork;
  /** The version that each connected peer is known to have. */
  readonly #known = new Map<NodeId, number>();
  /** The encoding of the newest map, made once per version. */
  #encoded: { readonly version: number; readonly bytes: Uint8Array } | undefined;

  constructor(view: ClusterView, network: PeerNetwork) {
    this.#view = view;
    this.#network = network;
  }

  /** A founding map goes out whole, so that nodes which were founded differently notice before they exchange votes. */
  connected(node: NodeId): void {
    this.#known.set(node, 0);
    const { version } = this.#view.map;
    if (version === 1) this.#push(node);
    else this.#network.sendControl(node, encodeControl({ type: "map-version", version }));
  }

  disconnected(node: NodeId): void {
    this.#known.delete(node);
  }

  /** A peer has this version. */
  heard(from: NodeId, version: number): void {
    if (!this.#known.has(from)) return;
    this.#known.set(from, version);
    if (version < this.#view.map.version) this.#push(from);
  }

  /** Tells all peers which version this node has now; they answer with a newer one if they have it. */
  announce(): void {
    const message = encodeControl({ type: "map-version", version: this.#view.map.version });
    for (const node of this.#known.keys()) this.#network.sendControl(node, message);
  }

  /** Sends the map to all that are not known to have it. */
  pushAll(): void {
    const { version } = this.#view.map;
    for (const [node, known] of this.#known) if (known < version) this.#push(node);
  }

  #push(to: NodeId): void {
    const { map } = this.#view;
    if (this.#encoded?.version !== map.version)
      this.#encoded = { version: map.version, bytes: encodeControl({ type: "map", map }) };
    this.#network.sendControl(to, this.#encoded.bytes);
  }
}
