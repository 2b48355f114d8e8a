import { limits, type MessageId, parseClaimId, parseMessageId, type PostedMessages } from "../../contract/index.js";
import type { DeleteOutcome, QueueService } from "../../contract/index.js";
import { invalidRequest, notFound, unableToDelete } from "../api-error.js";
import { requireClientId } from "../check-headers.js";
import type { Exchange } from "../exchange.js";
import { JsonText } from "../json-text.js";
import { missingParameter } from "../query.js";
import { json, noContent, type Reply } from "../reply.js";
import type { RouteDefinition } from "../route-table.js";
import { located, locatedEmpty } from "./content-location.js";
import { nextLink } from "./links.js";
import { writeMessage, writeMessages } from "./message-json.js";
import { missingQueue } from "./metadata.js";
import { messagePath, messagesPath } from "./paths.js";
import { readPost } from "./post-body.js";

export function messageRoutes(service: QueueService): RouteDefinition[] {
  return [
    {
      path: "/queues/{queue}/messages",
      methods: {
        GET: (exchange) => get(service, exchange),
        POST: (exchange) => post(service, exchange),
        DELETE: (exchange) => deleteSet(service, exchange),
      },
    },
    {
      path: "/queues/{queue}/messages/{message}",
      methods: {
        GET: (exchange) => getOne(service, exchange),
        DELETE: (exchange) => deleteOne(service, exchange),
      },
    },
  ];
}

async function post(service: QueueService, exchange: Exchange): Promise<Reply> {
  const clientId = requireClientId(exchange);
  const body = await exchange.body(limits.messagePostBytesMax);
  const batch = readPost(body, exchange.limits.jsonDepthMax);
  const posted = await service.postMessages(exchange.project, exchange.queue, clientId, batch);
  if (posted === undefined) throw missingQueue(exchange.queue);
  return postedReply(exchange, posted);
}

function postedReply(exchange: Exchange, posted: PostedMessages): Reply {
  const { incarnation, firstSequence, count } = posted;
  const path = messagesPath(exchange.queue);
  const first = messagePath(exchange.queue, { incarnation, sequence: firstSequence });
  // All paths differ in the sequence alone.
  const stem = first.slice(0, -12);
  const idStem = stem.slice(path.length + 1);
  let resources = `"${first}"`;
  let ids = first.slice(path.length + 1);
  for (let sequence = firstSequence + 1; sequence < firstSequence + count; sequence++) {
    const digits = sequence.toString(16).padStart(12, "0");
    resources += `, "${stem}${digits}"`;
    ids += `,${idStem}${digits}`;
  }
  const location = count <= exchange.limits.locationIdsMax ? `${path}?ids=${ids}` : path;
  return json(201, `{"resources": [${resources}], "partial": false}`, ["Location", location]);
}

function get(service: QueueService, exchange: Exchange): Promise<Reply> {
  const ids = exchange.query.list("ids");
  return ids === undefined ? list(service, exchange) : getSet(service, exchange, ids);
}

async function list(service: QueueService, exchange: Exchange): Promise<Reply> {
  const clientId = requireClientId(exchange);
  const { query, project, queue } = exchange;
  const marker = query.text("marker");
  const limit = query.integer("limit", 1, limits.pageMax);
  const echo = query.flag("echo");
  const includeClaimed = query.flag("include_claimed");
  const afterSequence = marker === undefined ? 0 : parseMarker(marker);
  if (afterSequence === undefined) return locatedEmpty(exchange, 204);
  const page = await service.listMessages(project, queue, {
    afterSequence,
    limit: limit ?? limits.pageDefault,
    includeClaimed: includeClaimed === true,
    withoutClient: echo === true ? undefined : clientId,
  });
  if (page.messages.length === 0 || page.nextMarker === undefined) return locatedEmpty(exchange, 204);
  const parameters = { marker: page.nextMarker, limit, echo, include_claimed: includeClaimed };
  const text = writeMessages(new JsonText().ascii('{"messages": '), queue, page.messages, undefined);
  return located(exchange, 200, text.ascii(`, "links": [${nextLink(messagesPath(queue), parameters)}]}`).finish());
}

/** Undefined for what no next link holds: nothing comes after it. */
function parseMarker(text: string): number | undefined {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

async function getSet(service: QueueService, exchange: Exchange, texts: string[]): Promise<Reply> {
  const ids = readIds(texts);
  const messages = ids.length === 0 ? [] : await service.getMessages(exchange.project, exchange.queue, ids);
  if (messages.length === 0) return locatedEmpty(exchange, 204);
  return located(exchange, 200, writeMessages(new JsonText(), exchange.queue, messages, undefined).finish());
}

async function deleteSet(service: QueueService, exchange: Exchange): Promise<Reply> {
  const texts = exchange.query.list("ids");
  if (texts === undefined) throw missingParameter("ids");
  const ids = readIds(texts);
  if (ids.length > 0) await service.deleteMessages(exchange.project, exchange.queue, ids);
  return noContent;
}

/** Ids that cannot be are left out, as are repeats: neither is a fault. */
function readIds(texts: readonly string[]): MessageId[] {
  if (texts.length > limits.pageMax)
    throw invalidRequest(`The "ids" parameter may not name more than ${limits.pageMax} messages.`);
  return [...new Set(texts)].map(parseMessageId).filter((id) => id !== undefined);
}

async function getOne(service: QueueService, exchange: Exchange): Promise<Reply> {
  const id = parseMessageId(exchange.item);
  const [message] = id === undefined ? [] : await service.getMessages(exchange.project, exchange.queue, [id]);
  if (message === undefined) throw notFound(`Message does not exist in queue ${exchange.queue}.`);
  const text = new JsonText();
  writeMessage(text, exchange.queue, message, undefined);
  return located(exchange, 200, text.finish());
}

async function deleteOne(service: QueueService, exchange: Exchange): Promise<Reply> {
  const claimText = exchange.query.text("claim_id");
  const claim = claimText === undefined ? undefined : parseClaimId(claimText);
  if (claimText !== undefined && claim === undefined)
    throw unableToDelete(400, 'The "claim_id" parameter is not a claim id.');
  const id = parseMessageId(exchange.item);
  if (id === undefined) return noContent;
  return deletedReply(await service.deleteMessage(exchange.project, exchange.queue, id, claim));
}

function deletedReply(outcome: DeleteOutcome): Reply {
  switch (outcome) {
    case "deleted":
      return noContent;
    case "claimed":
      throw unableToDelete(403, "The message is claimed: it can be deleted with the id of the claim that holds it.");
    case "not-claimed":
      throw unableToDelete(400, "The message is not currently claimed: it can be deleted without a claim id.");
    case "claim-gone":
      throw unableToDelete(400, "The claim does not exist or has expired.");
  }
}
