import { ClusterAdmin } from "../admin/index.js";
import type { Timer, Timers } from "../base/index.js";
import type { Logger } from "../telemetry/index.js";
import type { ClusterView } from "./cluster-view.js";
import { nodeLimits } from "./limits.js";

/** While this node is reached elsewhere than the cluster map says, tells the cluster so, again and again until the map has it. */
export function announceAddress(
  view: ClusterView,
  address: string,
  clusterId: string,
  timers: Timers,
  log: Logger,
): { stop(): void } {
  let timer: Timer | undefined;
  let stopped = false;
  const attempt = async (): Promise<void> => {
    const others = view.members.filter(({ id }) => id !== view.nodeId);
    if (view.own === undefined || view.own.address === address || others.length === 0) return;
    const admin = new ClusterAdmin({
      ...{ addresses: others.map((member) => member.address), timeoutMs: nodeLimits.joinTimeoutMs, clusterId },
    });
    try {
      await admin.change({ op: "add-node", id: view.nodeId, incarnation: view.incarnation, address });
      log.info({ address }, "the cluster knows where this node is reached now");
    } catch (error) {
      log.warn({ address, err: error }, "cannot tell the cluster where this node is reached now; trying again");
    } finally {
      admin.close();
    }
  };
  const again = (): void => {
    timer = timers.after(nodeLimits.memberTickMs, () => {
      void attempt().then(() => {
        if (!stopped && view.own !== undefined && view.own.address !== address) again();
      });
    });
  };
  again();
  return {
    stop: () => {
      stopped = true;
      timer?.cancel();
    },
  };
}
