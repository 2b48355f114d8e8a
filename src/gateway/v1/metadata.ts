import { limits, type QueueService } from "../../contract/index.js";
import { invalidBody, invalidRequest, notFound } from "../api-error.js";
import type { Exchange } from "../exchange.js";
import { checkDocument } from "../json-document.js";
import { JsonScanner } from "../json-scanner.js";
import { empty, type Reply } from "../reply.js";
import type { RouteDefinition } from "../route-table.js";
import { located } from "./content-location.js";
import { queuePath } from "./paths.js";

export function metadataRoutes(service: QueueService): RouteDefinition[] {
  return [
    {
      path: "/queues/{queue}/metadata",
      methods: { GET: (exchange) => get(service, exchange), PUT: (exchange) => put(service, exchange) },
    },
  ];
}

async function get(service: QueueService, exchange: Exchange): Promise<Reply> {
  const metadata = await service.getMetadata(exchange.project, exchange.queue);
  if (metadata === undefined) throw missingQueue(exchange.queue);
  return located(exchange, 200, Buffer.from(metadata.buffer, metadata.byteOffset, metadata.length));
}

async function put(service: QueueService, exchange: Exchange): Promise<Reply> {
  const body = await exchange.body(limits.metadataBytesMax);
  checkMetadata(body, exchange.limits.jsonDepthMax);
  if (!(await service.setMetadata(exchange.project, exchange.queue, body))) throw missingQueue(exchange.queue);
  return empty(204, ["Location", `${queuePath(exchange.queue)}/metadata`]);
}

function checkMetadata(body: Buffer, depthMax: number): void {
  if (checkDocument(body) !== "object") throw invalidBody("Queue metadata must be a JSON object.");
  new JsonScanner(body, depthMax).readWhole();
  const reserved = Object.keys(JSON.parse(body.toString()) as object).find((key) => key.startsWith("_"));
  if (reserved === undefined) return;
  throw invalidRequest(
    `Metadata keys may not begin with an underscore: ${JSON.stringify(reserved.slice(0, 64))} is reserved.`,
  );
}

export function missingQueue(queue: string): Error {
  return notFound(`Queue ${queue} does not exist.`);
}
