import { describe, expect, test } from "@jest/globals";
import fs from "node:fs";
import path from "node:path";
import { checkFolder, openCluster, removeCluster } from "../../../src/cli/dev/cluster-file.js";
import { devSchema, type Flags, resolve } from "../../../src/config/index.js";
import { temporaryFolders } from "../../support/temporary-folder.js";

const newFolder = temporaryFolders();

function open(folder: string, flags: Flags = {}) {
  const { config, sources } = resolve(devSchema, flags, {});
  return openCluster(folder, config, sources);
}

describe("the cluster of a data folder", () => {
  test("is made once and found again", () => {
    const folder = path.join(newFolder(), "data");
    const made = open(folder);
    expect(made).toMatchObject({ nodes: 3, partitions: 12, replicationFactor: 3, format: 1 });
    expect(open(folder)).toEqual(made);
    expect(fs.readdirSync(folder)).toEqual(["cluster.json"]);
  });

  test("what the command line leaves open is as it was", () => {
    const folder = newFolder();
    const made = open(folder, { nodes: "5", partitions: "7", replicationFactor: "5" });
    expect(open(folder)).toEqual(made);
    expect(open(folder, { nodes: "5" })).toEqual(made);
  });

  test.each<[Flags, string]>([
    [{ nodes: "5" }, "start with --nodes 3, or with --reset"],
    [{ partitions: "24" }, "start with --partitions 12, or with --reset"],
    [{ replicationFactor: "1" }, "start with --replication-factor 3, or with --reset"],
  ])("%j is refused for a cluster that was made otherwise", (flags, message) => {
    const folder = newFolder();
    open(folder);
    expect(() => open(folder, flags)).toThrow(message);
  });

  test("of a newer format is refused", () => {
    const folder = newFolder();
    fs.writeFileSync(path.join(folder, "cluster.json"), JSON.stringify({ kind: "marconi-dev-cluster", format: 2 }));
    expect(() => open(folder)).toThrow("written by a newer Marconi (format 2; this one knows up to 1)");
  });

  test("a folder of something else is refused and left alone", () => {
    const folder = newFolder();
    fs.writeFileSync(path.join(folder, "thesis.tex"), "years of work");
    expect(() => checkFolder(folder)).toThrow('holds "thesis.tex"');
    expect(() => open(folder)).toThrow("choose an empty folder with --data");
    expect(() => removeCluster(folder)).toThrow("not of a Marconi cluster");
    expect(fs.readdirSync(folder)).toEqual(["thesis.tex"]);
  });

  test.each(["", "{", "[]", '{"kind":"other","format":1}'])(
    "a cluster.json of something else is refused: %j",
    (content) => {
      const folder = newFolder();
      fs.writeFileSync(path.join(folder, "cluster.json"), content);
      expect(() => removeCluster(folder)).toThrow("is not the file of a Marconi cluster");
    },
  );
});

describe("removing a cluster", () => {
  test("takes what the cluster made and nothing else", () => {
    const folder = newFolder();
    open(folder);
    for (const name of ["n1", "n2", "n3", "n4", "logs"]) {
      fs.mkdirSync(path.join(folder, name));
      fs.writeFileSync(path.join(folder, name, "file"), "content");
    }
    fs.writeFileSync(path.join(folder, "notes.txt"), "mine");
    removeCluster(folder);
    expect(fs.readdirSync(folder).sort()).toEqual(["n4", "notes.txt"]);
  });

  test("of an empty or missing folder is nothing", () => {
    const folder = newFolder();
    removeCluster(folder);
    removeCluster(path.join(folder, "missing"));
  });
});
