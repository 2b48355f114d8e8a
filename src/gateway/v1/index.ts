import type { QueueService } from "../../contract/index.js";
import type { Api } from "../route-table.js";
import { claimRoutes } from "./claims.js";
import { healthRoutes } from "./health.js";
import { homeRoutes } from "./home.js";
import { messageRoutes } from "./messages.js";
import { metadataRoutes } from "./metadata.js";
import { prefix } from "./paths.js";
import { queueRoutes } from "./queues.js";
import { statsRoutes } from "./stats.js";

/** Version 1 of the API, section 5 of the contract. */
export function v1(service: QueueService): Api {
  return {
    prefix,
    rules: { clientId: "optional", project: "optional" },
    routes: [
      ...homeRoutes(),
      ...healthRoutes(service),
      ...queueRoutes(service),
      ...metadataRoutes(service),
      ...statsRoutes(service),
      ...messageRoutes(service),
      ...claimRoutes(service),
    ],
  };
}
