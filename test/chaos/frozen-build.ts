import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Copies the built program into a folder, so that a run that starts processes for minutes starts the same program every time,
 * whatever is built meanwhile. Packages are shared.
 *
 * @returns the program's entry
 */
export function freezeBuild(folder: string): string {
  const copy = path.join(folder, "program");
  fs.cpSync(path.join(root, "dist"), path.join(copy, "dist"), { recursive: true });
  fs.copyFileSync(path.join(root, "package.json"), path.join(copy, "package.json"));
  fs.symlinkSync(path.join(root, "node_modules"), path.join(copy, "node_modules"), "dir");
  return path.join(copy, "dist/main.js");
}
