export default {
  entry: [
    "src/main.ts",
    "scripts/*.mjs",
    // Programs beside the tests, run through test/support/program.mjs.
    "test/support/*.mjs",
    "test/{bench,chaos,simulation}/{main,run,*-main}.ts",
  ],
  project: ["src/**/*.ts", "scripts/**/*.mjs", "test/**/*.{ts,mjs}"],
  // A room's door may name the types that its signatures are made of, whether or not anybody has had to write them yet.
  ignoreIssues: { "src/*/index.ts": ["types"], "src/gen/**": ["exports", "types"] },
  // Started by their paths, in scripts/lib.
  ignoreDependencies: ["@bufbuild/buf", "dependency-cruiser", "jest"],
  ignoreExportsUsedInFile: true,
};
