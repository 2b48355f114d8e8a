import type { NodeId, PeerNetwork } from "../peer/index.js";
import { encodeControl } from "./control-codec.js";
import type { ClusterView } from "./cluster-view.js";

/**
 * Brings the newest map to every node. The leader of the meta group pushes what it applied at once; the others pass a map on at
 * the next round, to those who by then have not said that they have it.
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

  /**
   * A peer has this version. The first word of a stream is answered with a newer map at once; a later one may have crossed it: were
   * it answered too, in a row of changes everybody would send every map to everybody.
   */
  heard(from: NodeId, version: number): void {
    const known = this.#known.get(from);
    if (known === undefined) return;
    this.#known.set(from, version);
    if (known === 0 && version < this.#view.map.version) this.#push(from);
  }

  /** Tells all peers which version this node has now, so that nobody sends it again. */
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
