/**
 * Rooms of src/ and what each may import: other rooms, npm packages, Node's builtins. Anything else fails the check.
 * `main.ts` alone sees every room. Arrows point one way only.
 */
const any = ["*"];
const rooms = {
  // Pure: the same arguments give the same results, everywhere and for ever.
  base: { rooms: [], npm: [], builtins: [] },
  contract: { rooms: ["base"], npm: [], builtins: [] },
  command: { rooms: ["base", "contract"], npm: [], builtins: [] },
  raft: { rooms: ["base"], npm: [], builtins: [] },
  partition: { rooms: ["base", "contract", "command"], npm: [], builtins: [] },
  cluster: { rooms: ["base"], npm: [], builtins: [] },
  // With side effects.
  gen: { rooms: [], npm: ["@bufbuild/protobuf"], builtins: [] },
  rpc: { rooms: ["base", "gen"], npm: ["@grpc/grpc-js", "@bufbuild/protobuf"], builtins: [] },
  config: { rooms: ["base", "contract"], npm: [], builtins: ["fs", "path"] },
  telemetry: { rooms: ["base"], npm: ["pino", "prom-client"], builtins: any },
  storage: { rooms: ["base", "raft"], npm: ["level"], builtins: any },
  peer: {
    rooms: ["base", "raft", "gen", "rpc", "telemetry"],
    npm: ["@grpc/grpc-js", "@bufbuild/protobuf"],
    builtins: any,
  },
  admin: {
    rooms: ["base", "cluster", "gen", "rpc"],
    npm: ["@grpc/grpc-js", "@bufbuild/protobuf"],
    builtins: [],
  },
  node: {
    rooms: [
      ...["base", "contract", "command", "raft", "partition", "storage", "peer"],
      ...["rpc", "gen", "telemetry", "config", "cluster", "admin"],
    ],
    npm: ["@grpc/grpc-js", "@bufbuild/protobuf"],
    builtins: any,
  },
  gateway: {
    rooms: ["base", "contract", "command", "config", "telemetry", "rpc", "gen"],
    npm: ["@grpc/grpc-js", "@bufbuild/protobuf"],
    builtins: any,
  },
  cli: { rooms: ["base", "contract", "config", "telemetry", "cluster", "admin"], npm: ["commander"], builtins: any },
};

const group = (names) => `(${names.join("|")})`;
const not = (names, before, after) => (names.length > 0 ? { pathNot: `${before}${group(names)}${after}` } : {});

const rules = Object.entries(rooms).flatMap(([room, may]) => {
  const from = { path: `^src/${room}/` };
  const rule = (what, to) => ({ name: `${room}: ${what}`, severity: "error", from, to });
  return [
    rule("rooms", { path: "^src/", pathNot: `^src/${group([room, ...may.rooms])}/` }),
    rule("npm", { dependencyTypes: ["npm"], ...not(may.npm, "node_modules/", "/") }),
    ...(may.builtins === any
      ? []
      : [rule("builtins", { dependencyTypes: ["core"], ...not(may.builtins, "^(node:)?", "(/|$)") })]),
  ];
});

module.exports = {
  forbidden: [
    ...rules,
    {
      name: "every room is on the map",
      severity: "error",
      from: { path: "^src/[^/]+/", pathNot: `^src/${group(Object.keys(rooms))}/` },
      to: {},
    },
    {
      name: "rooms are entered by their index",
      severity: "error",
      from: { path: "^src/([^/]+)/" },
      to: { path: "^src/[^/]+/", pathNot: "^src/($1/|gen/|[^/]+/index\\.ts$)" },
    },
    {
      name: "nothing imports the composition root",
      severity: "error",
      from: { path: "^src/[^/]+/" },
      to: { path: "^src/main\\.ts$" },
    },
    { name: "no cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "production code uses production packages",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
    { name: "everything resolves", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
    doNotFollow: { path: "node_modules" },
    preserveSymlinks: false,
  },
};
