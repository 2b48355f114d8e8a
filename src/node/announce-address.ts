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
  let admin: ClusterAdmin | undefined;
  let stopped = false;
  const isUntold = (): boolean => !stopped && view.own !== undefined && view.own.address !== address;
  const attempt = async (): Promise<void> => {
    // Itself too: when it leads the meta group, the others point to where it was.
    const addresses = [...view.others.map((member) => member.address), address];
    admin = new ClusterAdmin({ addresses, timeoutMs: nodeLimits.joinTimeoutMs, clusterId });
    try {
      await admin.change({ op: "add-node", id: view.nodeId, incarnation: view.incarnation, address });
      log.info({ address }, "the cluster knows where this node is reached now");
    } catch (error) {
      if (isUntold())
        log.warn({ address, err: error }, "cannot tell the cluster where this node is reached now; trying again");
    } finally {
      admin.close();
    }
  };
  const again = (): void => {
    if (!isUntold()) return;
    timer = timers.after(nodeLimits.announceRetryMs, () => {
      void attempt().then(again);
    });
  };
  again();
  return {
    stop: () => {
      stopped = true;
      timer?.cancel();
      admin?.close();
    },
  };
}
