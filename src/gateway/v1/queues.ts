import { limits, type QueueEntry, type QueueService } from "../../contract/index.js";
import type { Exchange } from "../exchange.js";
import { JsonText } from "../json-text.js";
import { empty, noContent, type Reply } from "../reply.js";
import type { RouteDefinition } from "../route-table.js";
import { located, locatedEmpty } from "./content-location.js";
import { nextLink } from "./links.js";
import { prefix, queuePath } from "./paths.js";

export function queueRoutes(service: QueueService): RouteDefinition[] {
  const exists = (exchange: Exchange): Promise<Reply> => tellExistence(service, exchange);
  return [
    { path: "/queues", methods: { GET: (exchange) => list(service, exchange) } },
    {
      path: "/queues/{queue}",
      methods: {
        GET: exists,
        HEAD: exists,
        PUT: async ({ project, queue }) => {
          const created = await service.createQueue(project, queue);
          return empty(created ? 201 : 204, ["Location", queuePath(queue)]);
        },
        DELETE: async ({ project, queue }) => {
          await service.deleteQueue(project, queue);
          return noContent;
        },
      },
    },
  ];
}

async function tellExistence(service: QueueService, exchange: Exchange): Promise<Reply> {
  const exists = await service.queueExists(exchange.project, exchange.queue);
  return locatedEmpty(exchange, exists ? 204 : 404);
}

async function list(service: QueueService, exchange: Exchange): Promise<Reply> {
  const { query, project } = exchange;
  const marker = query.text("marker");
  const limit = query.integer("limit", 1, limits.pageMax);
  const detailed = query.flag("detailed");
  // No queue can be in a project whose name is too long, and only routes with a queue refuse it.
  if (project.length > limits.projectIdCharsMax) return locatedEmpty(exchange, 204);
  const after = positionAmongNames(marker ?? "");
  const entries = await service.listQueues(project, after, limit ?? limits.pageDefault, detailed === true);
  const last = entries.at(-1);
  if (last === undefined) return locatedEmpty(exchange, 204);
  const text = new JsonText().ascii('{"queues": [');
  entries.forEach((entry, i) => {
    if (i > 0) text.ascii(", ");
    writeEntry(text, entry);
  });
  const next = nextLink(`${prefix}/queues`, { marker: last.name, limit, detailed });
  return located(exchange, 200, text.ascii(`], "links": [${next}]}`).finish());
}

/** Any text is a position in the order of names; what comes after the longest name does not move it. */
function positionAmongNames(marker: string): string {
  return marker.slice(0, limits.queueNameCharsMax + 1);
}

function writeEntry(text: JsonText, entry: QueueEntry): void {
  text.ascii(`{"name": "${entry.name}", "href": "${queuePath(entry.name)}"`);
  if (entry.metadata !== undefined) text.ascii(', "metadata": ').bytes(entry.metadata);
  text.ascii("}");
}
