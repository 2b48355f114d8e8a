import type { FileSystem } from "./file-system.js";

/** Makes a directory with its missing parents, and makes their names durable: a crash must not take a whole log with its folder. */
export async function makeDurableDirectory(fileSystem: FileSystem, path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; at !== "" && !(await fileSystem.exists(at)); at = parent(at)) missing.unshift(at);
  if (missing.length === 0) return;
  await fileSystem.makeDirectory(path);
  for (const made of missing) await fileSystem.syncDirectory(parent(made) || (path.startsWith("/") ? "/" : "."));
}

function parent(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
