import { json, type Reply } from "./reply.js";
import type { Api } from "./route-table.js";

interface Version {
  readonly id: string;
  readonly status: string;
  readonly updated: string;
  readonly mediaType: string;
}

/** Static, and verbatim what clients were written against: it names versions whether they are served or not (section 1.1). */
const versions: readonly Version[] = [
  {
    id: "1",
    status: "DEPRECATED",
    updated: "2014-9-11T17:47:05Z",
    mediaType: "application/vnd.openstack.messaging-v1+json",
  },
  {
    id: "1.1",
    status: "DEPRECATED",
    updated: "2016-7-29T02:22:47Z",
    mediaType: "application/vnd.openstack.messaging-v1_1+json",
  },
  {
    id: "2",
    status: "CURRENT",
    updated: "2014-9-24T04:06:47Z",
    mediaType: "application/vnd.openstack.messaging-v2+json",
  },
];

function describe(version: Version): string {
  const { id, status, updated, mediaType } = version;
  const mediaTypes = `[{"base": "application/json", "type": "${mediaType}"}]`;
  const links = `[{"href": "/v${id}/", "rel": "self"}]`;
  return `{"id": "${id}", "status": "${status}", "updated": "${updated}", "media-types": ${mediaTypes}, "links": ${links}}`;
}

const document: Reply = json(300, `{"versions": [${versions.map(describe).join(", ")}]}`);

/** `GET /`: which versions of the API there are. */
export const versionsApi: Api = {
  prefix: "",
  rules: { clientId: "ignored", project: "ignored" },
  routes: [{ path: "/", methods: { GET: () => document } }],
};
