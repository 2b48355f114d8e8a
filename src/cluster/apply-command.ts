import { addNode, bindNode, setNodeState, setReplicationFactor } from "./node-commands.js";
import { place, replaceReplica, settle } from "./placement-commands.js";
import type { ClusterMap, MapCommand, MapOutcome } from "./types.js";

/**
 * The map after a command: the same on every replica of the meta group. Never throws for what `decodeCommand` returned and a
 * sound map; a command that says nothing new leaves the map as it is, one that comes too late or makes no sense is refused.
 */
export function applyCommand(map: ClusterMap, command: MapCommand): MapOutcome {
  switch (command.op) {
    case "bind-node":
      return bindNode(map, command);
    case "add-node":
      return addNode(map, command);
    case "set-node-state":
      return setNodeState(map, command);
    case "place":
      return place(map, command);
    case "replace-replica":
      return replaceReplica(map, command);
    case "settled":
      return settle(map, command);
    case "set-replication-factor":
      return setReplicationFactor(map, command);
  }
}
