/** Whether an Accept header admits `mediaType`. Of the ranges that cover it the most specific decides; `q=0` forbids. */
export function admits(accept: string | undefined, mediaType: string): boolean {
  if (accept === undefined || accept === "" || accept === "*/*" || accept === mediaType) return true;
  const anySubtype = `${mediaType.slice(0, mediaType.indexOf("/"))}/*`;
  let bestRank = 0;
  let admitted = false;
  for (const range of accept.split(",")) {
    const [rawType = "", ...parameters] = range.split(";");
    const type = rawType.trim().toLowerCase();
    const rank = type === mediaType ? 3 : type === anySubtype ? 2 : type === "*/*" || type === "*" ? 1 : 0;
    if (rank <= bestRank) continue;
    bestRank = rank;
    admitted = quality(parameters) > 0;
  }
  return admitted;
}

/** 1 when it is not given; 0 when it makes no sense. */
function quality(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [name = "", value = ""] = parameter.split("=", 2);
    if (name.trim().toLowerCase() === "q") return Number(value.trim()) || 0;
  }
  return 1;
}
