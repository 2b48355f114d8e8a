import type { QueueService } from "../../contract/index.js";
import { errorReply, noContent } from "../reply.js";
import type { RouteDefinition } from "../route-table.js";

const unavailable = errorReply(
  503,
  "Service temporarily unavailable",
  "Not every partition has a leader. Please try again in 1 second.",
  ["Retry-After", "1"],
);

export function healthRoutes(service: QueueService): RouteDefinition[] {
  return [
    {
      path: "/health",
      methods: {
        GET: () => (service.healthy() ? noContent : unavailable),
        // Asks whether this process answers, no more.
        HEAD: () => noContent,
      },
    },
  ];
}
