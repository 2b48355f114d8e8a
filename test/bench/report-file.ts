import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";

const file = fileURLToPath(new URL("../../docs/performance.md", import.meta.url));

/** Replaces what stands between the markers of a section of docs/performance.md, which must be there. */
export async function writeSection(section: string, text: string): Promise<void> {
  const begin = `<!-- ${section}: begin -->`;
  const end = `<!-- ${section}: end -->`;
  const old = fs.readFileSync(file, "utf8");
  const from = old.indexOf(begin);
  const to = old.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no "${begin}" and "${end}"`);
  const content = `${old.slice(0, from)}${begin}\n\n${text.trim()}\n\n${old.slice(to)}`;
  fs.writeFileSync(file, await format(content, { ...(await resolveConfig(file)), filepath: file }));
}
