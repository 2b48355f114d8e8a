import { MemoryFileSystem } from "../../../src/storage/index.js";
import { DIRECTORY } from "./log-fixture.js";

/** The files of a log's folder, to be damaged and put onto a new disk. */
export type DiskImage = Map<string, Buffer>;

export async function imageOf(disk: MemoryFileSystem): Promise<DiskImage> {
  const image: DiskImage = new Map();
  for (const name of await disk.list(DIRECTORY)) {
    const handle = await disk.open(`${DIRECTORY}/${name}`, "read");
    image.set(name, await handle.read(await handle.size(), 0));
    await handle.close();
  }
  return image;
}

export async function diskWith(image: DiskImage): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  await disk.makeDirectory(DIRECTORY);
  for (const [name, bytes] of image) {
    const handle = await disk.open(`${DIRECTORY}/${name}`, "create");
    await handle.writev([bytes], 0);
    await handle.sync();
    await handle.close();
  }
  await disk.syncDirectory(DIRECTORY);
  return disk;
}

/** The image with one file changed. */
export function changed(image: DiskImage, name: string, change: (bytes: Buffer) => Buffer | undefined): DiskImage {
  const copy = new Map(image);
  const bytes = change(Buffer.from(image.get(name) ?? Buffer.alloc(0)));
  if (bytes === undefined) copy.delete(name);
  else copy.set(name, bytes);
  return copy;
}
