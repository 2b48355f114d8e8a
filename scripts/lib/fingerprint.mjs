// Decides whether a step's inputs have changed since it last succeeded: a hash over contents, kept in a small file.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { root } from "./run.mjs";

/** All files under the given files and folders of the repository, sorted, as paths relative to its root. */
export function filesUnder(places, keep = () => true) {
  const found = [];
  const visit = (place) => {
    const stat = fs.statSync(path.join(root, place), { throwIfNoEntry: false });
    if (stat?.isDirectory()) for (const name of fs.readdirSync(path.join(root, place))) visit(`${place}/${name}`);
    else if (stat?.isFile() && keep(place)) found.push(place);
  };
  places.forEach(visit);
  return found.sort();
}

/** A hash over the names and contents of the files, and the platform, since native parts are installed for one platform only. */
export function fingerprint(files) {
  const hash = createHash("sha256");
  hash.update(`${process.platform} ${process.arch} ${process.versions.modules}\n`);
  for (const file of files) {
    const bytes = fs.readFileSync(path.join(root, file));
    hash.update(`${file} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}

export function isFresh(marker, print) {
  try {
    return fs.readFileSync(path.join(root, marker), "utf8") === print;
  } catch {
    return false;
  }
}

export function markFresh(marker, print) {
  const file = path.join(root, marker);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, print);
}
