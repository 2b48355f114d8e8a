/** `{"rel": "next", …}` with the parameters that were understood; booleans as `true` and `false`. */
export function nextLink(
  path: string,
  parameters: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  let query = "";
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query += `${query === "" ? "?" : "&"}${name}=${encodeURIComponent(value)}`;
  }
  return `{"rel": "next", "href": "${path}${query}"}`;
}
