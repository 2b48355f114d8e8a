import { AdminError } from "../../admin/index.js";
import { operatorSchema } from "../../config/index.js";
import { ExitCode } from "../exit-code.js";
import { changeNode } from "./node-commands.js";
import { movePartition, setReplicationFactor, transferLeader } from "./placement-commands.js";
import type { OperatorRequest } from "./request.js";
import type { OperatorContext } from "./session.js";
import { listPartitions, showStatus } from "./status.js";

/** Does what an operator asks for, and says in sentences what came of it. */
export async function operate(request: OperatorRequest, context: OperatorContext): Promise<ExitCode> {
  try {
    return await perform(request, context);
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    const { node } = context.config;
    const isDefault = node.join() === operatorSchema.settings.node.fallback?.join();
    const hint = error.kind === "unreachable" && isDefault ? "; --node or MARCONI_NODE says where nodes are" : "";
    context.terminal.warn(`marconi: ${error.message}${hint}`);
    return error.kind === "refused" ? ExitCode.refused : ExitCode.failed;
  }
}

function perform(request: OperatorRequest, context: OperatorContext): Promise<ExitCode> {
  switch (request.do) {
    case "status":
      return showStatus(context, { all: request.partitions });
    case "list":
      return listPartitions(context);
    case "set-replication-factor":
      return setReplicationFactor(context, request);
    case "drain":
    case "undrain":
    case "remove":
    case "replace":
      return changeNode(context, request);
    case "move":
      return movePartition(context, request);
    case "transfer":
      return transferLeader(context, request);
  }
}
