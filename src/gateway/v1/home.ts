import type { Reply } from "../reply.js";
import type { RouteDefinition } from "../route-table.js";
import { prefix } from "./paths.js";

const mediaType = "application/json-home";

interface Resource {
  readonly name: string;
  readonly template: string;
  readonly parameters: readonly string[];
  readonly allow: readonly string[];
}

const resources: readonly Resource[] = [
  {
    name: "queues",
    template: "/queues{?marker,limit,detailed}",
    parameters: ["marker", "limit", "detailed"],
    allow: ["GET"],
  },
  {
    name: "queue",
    template: "/queues/{queue_name}",
    parameters: ["queue_name"],
    allow: ["GET", "HEAD", "PUT", "DELETE"],
  },
  {
    name: "queue-metadata",
    template: "/queues/{queue_name}/metadata",
    parameters: ["queue_name"],
    allow: ["GET", "PUT"],
  },
  { name: "queue-stats", template: "/queues/{queue_name}/stats", parameters: ["queue_name"], allow: ["GET"] },
  {
    name: "messages",
    template: "/queues/{queue_name}/messages{?marker,limit,echo,include_claimed}",
    parameters: ["queue_name", "marker", "limit", "echo", "include_claimed"],
    allow: ["GET"],
  },
  { name: "post-messages", template: "/queues/{queue_name}/messages", parameters: ["queue_name"], allow: ["POST"] },
  {
    name: "claim",
    template: "/queues/{queue_name}/claims{?limit}",
    parameters: ["queue_name", "limit"],
    allow: ["POST"],
  },
];

function describe(resource: Resource): object {
  const posts = resource.allow.includes("POST");
  return {
    "href-template": prefix + resource.template,
    "href-vars": Object.fromEntries(resource.parameters.map((name) => [name, `param/${name}`])),
    hints: {
      allow: resource.allow,
      formats: { "application/json": {} },
      ...(posts ? { "accept-post": ["application/json"] } : {}),
    },
  };
}

const document: Reply = {
  status: 200,
  headers: ["Content-Type", mediaType, "Cache-Control", "max-age=86400", "Content-Location", `${prefix}/`],
  body: spaced({ resources: Object.fromEntries(resources.map((each) => [`rel/${each.name}`, describe(each)])) }),
};

/** On one line, with the separators of all other answers. No text in it has line ends. */
function spaced(value: object): string {
  const lines = JSON.stringify(value, null, 1).split(/\n */);
  return lines
    .join(" ")
    .replace(/([{[]) /g, "$1")
    .replace(/ ([}\]])/g, "$1");
}

/** The home document (JSON Home): what a client needs to know no path but this one. */
export function homeRoutes(): RouteDefinition[] {
  return [{ path: "/", methods: { GET: () => document }, mediaTypes: [mediaType] }];
}
