import { describe, expect, test } from "@jest/globals";
import fs from "node:fs";
import path from "node:path";
import {
  checkFolder,
  livingNumbers,
  openCluster,
  recordRemoval,
  removeCluster,
  saveCluster,
} from "../../../src/cli/dev/cluster-file.js";
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
    expect(made).toMatchObject({ nodes: 3, partitions: 12, replicationFactor: 3, founders: 3, removed: [], format: 2 });
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
    [{ nodes: "2" }, "--nodes 2 is fewer than the 3 of the cluster"],
    [{ partitions: "24" }, "start with --partitions 12, or with --reset"],
    [
      { replicationFactor: "1" },
      "start with --replication-factor 3, change it with marconi cluster set-replication-factor while it runs, or with --reset",
    ],
  ])("%j is refused for a cluster that was made otherwise", (flags, message) => {
    const folder = newFolder();
    open(folder);
    expect(() => open(folder, flags)).toThrow(message);
  });

  test("of the format before is read: all of its nodes founded it", () => {
    const folder = newFolder();
    const { founders, removed, ...old } = open(folder);
    fs.writeFileSync(path.join(folder, "cluster.json"), JSON.stringify({ ...old, format: 1 }));
    expect(open(folder)).toEqual({ ...old, founders, removed });
  });

  test("of a newer format is refused", () => {
    const folder = newFolder();
    fs.writeFileSync(path.join(folder, "cluster.json"), JSON.stringify({ kind: "marconi-dev-cluster", format: 3 }));
    expect(() => open(folder)).toThrow("written by a newer Marconi (format 3; this one knows up to 2)");
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

describe("a cluster that changes its nodes", () => {
  test("grows when more are asked for, and remembers who founded it", () => {
    const folder = newFolder();
    const made = open(folder);
    const grown = open(folder, { nodes: "5" });
    expect(grown).toEqual({ ...made, nodes: 5, founders: 3 });
    // Not before it is known that it can be started.
    expect(open(folder)).toEqual(made);
    saveCluster(folder, grown);
    expect(open(folder)).toEqual(grown);
  });

  test("is refused to shrink until nodes were removed, and then has fewer", () => {
    const folder = newFolder();
    open(folder, { nodes: "4" });
    expect(() => open(folder, { nodes: "3" })).toThrow(
      "first start it as it is and remove nodes, with marconi node remove n4 --wait, so that what they hold is moved to others",
    );
    recordRemoval(folder, "n2");
    recordRemoval(folder, "n2");
    const cluster = open(folder, { nodes: "3" });
    expect(livingNumbers(cluster)).toEqual([1, 3, 4]);
    expect(cluster.removed).toEqual(["n2"]);
  });

  test("gives no name twice, so that a new node does not find the data of a removed one", () => {
    const folder = newFolder();
    open(folder, { nodes: "3" });
    recordRemoval(folder, "n3");
    const grown = open(folder, { nodes: "4" });
    expect(livingNumbers(grown)).toEqual([1, 2, 4, 5]);
    expect(() => open(folder, { nodes: "15" })).toThrow("--nodes 15 needs new nodes up to n16");
  });

  test("that is not there has nobody removed", () => {
    const folder = newFolder();
    recordRemoval(folder, "n1");
    expect(fs.readdirSync(folder)).toEqual([]);
  });
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
