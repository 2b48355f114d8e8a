import { limits } from "../contract/index.js";
import { admits } from "./accept.js";
import { ApiError } from "./api-error.js";
import { parseClientId } from "./client-id.js";
import type { Exchange } from "./exchange.js";
import type { Need } from "./header-rules.js";
import type { Route } from "./route-table.js";

const QUEUE_NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const FORM = "application/x-www-form-urlencoded";
const JSON_TYPE = "application/json";

/** The checks of section 1.3 between finding the route and looking at the method, in their order. Throws ApiError. */
export function checkHeaders(exchange: Exchange, route: Route): void {
  const { headers } = exchange.request;
  const contentType = headers["content-type"];
  if (contentType !== undefined && contentType !== JSON_TYPE) refuseForm(exchange, contentType);
  const { accept } = headers;
  if (!admits(accept, JSON_TYPE) && !route.mediaTypes.some((type) => admits(accept, type))) throw notAcceptable();
  const { rules } = route;
  if (rules.clientId !== "ignored") exchange.clientId = readClientId(headers["client-id"], rules.clientId);
  if (rules.project !== "ignored") exchange.project = readProject(headers["x-project-id"], rules.project);
  if (route.ofQueue) checkQueue(exchange);
}

/** Curl's default for `-d`: the body is most likely not meant as it was labelled. */
function refuseForm(exchange: Exchange, contentType: string): void {
  const { headers } = exchange.request;
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  if (!hasBody || contentType.split(";", 1)[0]?.trim().toLowerCase() !== FORM) return;
  throw new ApiError(400, "Invalid Content-Type", `Content-Type must be ${JSON_TYPE}, not ${FORM}.`);
}

function notAcceptable(): ApiError {
  return new ApiError(406, "Not acceptable", `Answers are ${JSON_TYPE}, which the Accept header does not admit.`);
}

function readClientId(header: string | string[] | undefined, need: Need): Uint8Array | undefined {
  if (header === undefined) {
    if (need === "required") throw missingHeader("Client-ID");
    return undefined;
  }
  const clientId = parseClientId(String(header));
  if (clientId === undefined) throw new ApiError(400, "Wrong UUID value", "The Client-ID header must be a UUID.");
  return clientId;
}

function readProject(header: string | string[] | undefined, need: Need): string {
  if (header === undefined) {
    if (need === "required") throw new ApiError(400, "Project-Id Missing", "The X-Project-ID header is required.");
    return "";
  }
  const project = String(header);
  if (project !== "") return project;
  const description = "The X-Project-ID header may not be empty: leave it out, or name a project.";
  throw new ApiError(400, "Empty project header not allowed", description);
}

function checkQueue(exchange: Exchange): void {
  if (exchange.project.length > limits.projectIdCharsMax) {
    throw invalidQueue(`The X-Project-ID header may not be longer than ${limits.projectIdCharsMax} characters.`);
  }
  if (!QUEUE_NAME.test(exchange.queue)) {
    const form = "may only contain ASCII letters, digits, underscores, dashes and dots";
    throw invalidQueue(`Queue names must be 1 to ${limits.queueNameCharsMax} characters long and ${form}.`);
  }
}

function invalidQueue(description: string): ApiError {
  return new ApiError(400, "Invalid queue identification", description);
}

/** The client's id where an operation cannot do without it. Throws ApiError 400. */
export function requireClientId(exchange: Exchange): Uint8Array {
  if (exchange.clientId === undefined) throw missingHeader("Client-ID");
  return exchange.clientId;
}

function missingHeader(name: string): ApiError {
  return new ApiError(400, "Missing header value", `The ${name} header is required.`);
}
