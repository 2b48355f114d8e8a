import type { MessageMark, QueueService } from "../../contract/index.js";
import type { RouteDefinition } from "../route-table.js";
import { located } from "./content-location.js";
import { missingQueue } from "./metadata.js";
import { messagePath } from "./paths.js";

export function statsRoutes(service: QueueService): RouteDefinition[] {
  return [
    {
      path: "/queues/{queue}/stats",
      methods: {
        GET: async (exchange) => {
          const { project, queue } = exchange;
          const stats = await service.queueStats(project, queue);
          if (stats === undefined) throw missingQueue(queue);
          const { total, claimed, oldest, newest } = stats;
          let counts = `"claimed": ${claimed}, "free": ${total - claimed}, "total": ${total}`;
          if (oldest !== undefined) counts += `, "oldest": ${mark(queue, oldest)}`;
          if (newest !== undefined) counts += `, "newest": ${mark(queue, newest)}`;
          return located(exchange, 200, `{"messages": {${counts}}}`);
        },
      },
    },
  ];
}

/** Exactly these three members: clients hand them to constructors that take no others (section 5.1). */
function mark(queue: string, { id, ageSec, createdMs }: MessageMark): string {
  const created = `${new Date(createdMs).toISOString().slice(0, 19)}Z`;
  return `{"age": ${ageSec}, "created": "${created}", "href": "${messagePath(queue, id)}"}`;
}
