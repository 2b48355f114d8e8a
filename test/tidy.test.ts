import { describe, expect, test } from "@jest/globals";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

// What linters do not see.

const root = fileURLToPath(new URL("..", import.meta.url));
/** Made by tools, or not ours. */
const skipped = new Set([".git", ".cache", "node_modules", "dist", "coverage", "data", "src/gen"]);

function filesUnder(folder: string): string[] {
  return fs.readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const place = path.posix.join(folder, entry.name);
    if (skipped.has(place)) return [];
    return entry.isDirectory() ? filesUnder(place) : [place];
  });
}

const self = "test/tidy.test.ts";
const files = filesUnder(".").filter((file) => file !== self);
const read = (file: string): string => fs.readFileSync(path.join(root, file), "utf8");
const sources = files.filter((file) => /^src\/.*\.ts$/.test(file));
const tests = files.filter((file) => /^test\/.*\.test\.ts$/.test(file));

/** The lines of the files that match, as `file:line: text`. */
function linesWith(pattern: RegExp, among: readonly string[]): string[] {
  return among.flatMap((file) =>
    read(file)
      .split("\n")
      .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );
}

describe("the repository", () => {
  test("speaks of no particular machine", () => {
    expect(linesWith(/(^|[\s"'`(=:])\/(work|home\/[a-z]|root|Users)\//, files)).toEqual([]);
  });

  test("names no package registry, so that installs follow the settings of the machine", () => {
    expect(linesWith(/registry\.(npmjs|yarnpkg)\.|npm\.pkg\.github|"resolved": "http/, files)).toEqual([]);
  });

  test("leaves nothing for later", () => {
    expect(
      linesWith(/\b(TODO|FIXME|XXX|HACK)\b/, [...sources, ...files.filter((file) => /^(test|scripts)\//.test(file))]),
    ).toEqual([]);
  });

  test("pins every package to one version", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<
      string,
      Record<string, string>
    >;
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
    );
    expect(loose).toEqual([]);
  });

  test("links to files that exist", () => {
    const broken = files
      .filter((file) => file.endsWith(".md"))
      .flatMap((file) =>
        [...read(file).matchAll(/\]\((?!https?:)([^)#]+)(#[^)]*)?\)/g)]
          .map((match) => path.posix.join(path.posix.dirname(file), match[1]!))
          .filter((target) => !fs.existsSync(path.join(root, target)))
          .map((target) => `${file} links to ${target}`),
      );
    expect(broken).toEqual([]);
  });
});

describe("rooms", () => {
  const rooms = fs
    .readdirSync(path.join(root, "src"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== "gen")
    .map((entry) => entry.name);

  test.each(rooms)("%s says at its door what it is for and what it may import", (room) => {
    const door = read(`src/${room}/index.ts`);
    const paragraph = /^\/\*\*\n( \* .+\n)+ \*\/\n/.exec(door)?.[0] ?? "";
    expect(paragraph).toMatch(/\bimports\b/i);
  });
});

describe("tests", () => {
  /** Folders of tests of the whole rather than of one file. */
  const wholes = /^test\/(integration|simulation|scenarios|conformance|chaos|check|bench|support)\//;

  // A test may also be of how the files of its folder work together; then its name is its own.
  test("are in the folder of what they test", () => {
    const folders = new Set(sources.map((file) => path.posix.dirname(file)));
    const folderOf = (file: string): string => path.posix.dirname(file).replace(/^test/, "src");
    expect(tests.filter((file) => !wholes.test(file) && !folders.has(folderOf(file)))).toEqual([]);
  });

  test("are all run", () => {
    expect(
      linesWith(/\b(test|it|describe)\.(only|skip|todo)\b|\b(fit|fdescribe|xit|xtest|xdescribe)\(/, tests),
    ).toEqual([]);
  });
});

describe("documentation", () => {
  test("every metric is documented", () => {
    const documented = read("docs/generated/metrics.md");
    const names = sources.flatMap((file) =>
      [...read(file).matchAll(/"(marconi_[a-z0-9_]+)"/g)].map((match) => match[1]!),
    );
    expect(names.filter((name) => !documented.includes(`\`${name}\``))).toEqual([]);
  });

  test("every command of the contributor's page exists", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = [...read("CONTRIBUTING.md").matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1]!);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
