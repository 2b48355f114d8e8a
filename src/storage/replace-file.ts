import type { FileSystem } from "./file-system.js";

/** Writes a small file beside the old one and renames, so that a crash leaves one or the other. Durable when it resolves. */
export async function replaceFile(
  fileSystem: FileSystem,
  directory: string,
  name: string,
  content: readonly Buffer[],
): Promise<void> {
  const path = `${directory}/${name}`;
  const temporary = `${path}.new`;
  if (await fileSystem.exists(temporary)) await fileSystem.remove(temporary);
  const handle = await fileSystem.open(temporary, "create");
  try {
    await handle.writev(content, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fileSystem.rename(temporary, path);
  await fileSystem.syncDirectory(directory);
}
