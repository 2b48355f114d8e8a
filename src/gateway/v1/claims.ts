import { type ClaimId, limits, parseClaimId, type QueueService } from "../../contract/index.js";
import { notFound } from "../api-error.js";
import type { Exchange } from "../exchange.js";
import { JsonText } from "../json-text.js";
import { json, noContent, type Reply } from "../reply.js";
import type { RouteDefinition } from "../route-table.js";
import { readNewClaim, readRenewal } from "./claim-body.js";
import { located } from "./content-location.js";
import { writeMessages } from "./message-json.js";
import { claimPath } from "./paths.js";

export function claimRoutes(service: QueueService): RouteDefinition[] {
  return [
    { path: "/queues/{queue}/claims", methods: { POST: (exchange) => create(service, exchange) } },
    {
      path: "/queues/{queue}/claims/{claim}",
      methods: {
        GET: (exchange) => get(service, exchange),
        PATCH: (exchange) => renew(service, exchange),
        DELETE: async ({ project, queue, item }) => {
          const claim = parseClaimId(item);
          if (claim !== undefined) await service.releaseClaim(project, queue, claim);
          return noContent;
        },
      },
    },
  ];
}

async function create(service: QueueService, exchange: Exchange): Promise<Reply> {
  const { project, queue } = exchange;
  const limit = exchange.query.integer("limit", 1, limits.pageMax);
  const terms = readNewClaim(await readTerms(exchange), exchange.limits.jsonDepthMax);
  const claim = await service.createClaim(project, queue, {
    ttlSec: terms.ttlSec,
    graceSec: terms.graceSec,
    limit: limit ?? terms.limit ?? limits.pageDefault,
  });
  if (claim === undefined || claim.messages.length === 0) return noContent;
  const body = writeMessages(new JsonText(), queue, claim.messages, claim.id).finish();
  return json(201, body, ["Location", claimPath(queue, claim.id)]);
}

async function get(service: QueueService, exchange: Exchange): Promise<Reply> {
  const { project, queue } = exchange;
  const id = claimOf(exchange);
  const claim = await service.getClaim(project, queue, id);
  if (claim === undefined) throw missingClaim(queue);
  const text = new JsonText();
  text.ascii(`{"age": ${claim.ageSec}, "ttl": ${claim.ttlSec}, "href": "${claimPath(queue, id)}", "messages": `);
  return located(exchange, 200, writeMessages(text, queue, claim.messages, id).ascii("}").finish());
}

async function renew(service: QueueService, exchange: Exchange): Promise<Reply> {
  const { project, queue } = exchange;
  const terms = readRenewal(await readTerms(exchange), exchange.limits.jsonDepthMax);
  if (!(await service.renewClaim(project, queue, claimOf(exchange), terms.ttlSec, terms.graceSec)))
    throw missingClaim(queue);
  return noContent;
}

function readTerms(exchange: Exchange): Promise<Buffer> {
  return exchange.body(exchange.limits.claimBodyBytesMax);
}

/** Throws ApiError 404 for what cannot be the id of a claim. */
function claimOf(exchange: Exchange): ClaimId {
  const claim = parseClaimId(exchange.item);
  if (claim === undefined) throw missingClaim(exchange.queue);
  return claim;
}

function missingClaim(queue: string): Error {
  return notFound(`Claim does not exist in queue ${queue}, or has expired.`);
}
