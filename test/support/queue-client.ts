/** A small client of version 1 of the API, for tests that need nothing but the plain road. */
export class QueueClient {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, clientId = "3381af92-2b9e-11e3-b191-71861300734c") {
    this.#url = url;
    this.#headers = { "Client-ID": clientId, "Content-Type": "application/json" };
  }

  /** Any request; a 503 is tried again, as `Retry-After` asks for, since a cluster under test changes leaders. */
  async request(method: string, target: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    for (let attempt = 0; ; attempt++) {
      const response = await fetch(`${this.#url}${target}`, {
        method,
        headers: this.#headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (response.status !== 503 || attempt === 20)
        return { status: response.status, body: text === "" ? undefined : (JSON.parse(text) as unknown) };
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  async createQueue(queue: string): Promise<number> {
    return (await this.request("PUT", `/v1/queues/${queue}`)).status;
  }

  /** @returns the hrefs of the new messages; throws unless all were acknowledged */
  async post(queue: string, bodies: readonly unknown[]): Promise<string[]> {
    const answer = await this.request(
      "POST",
      `/v1/queues/${queue}/messages`,
      bodies.map((body) => ({ ttl: 3_600, body })),
    );
    if (answer.status !== 201) throw new Error(`post answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return (answer.body as { resources: string[] }).resources;
  }

  async claim(queue: string, limit = 10): Promise<{ href: string; body: unknown }[]> {
    const answer = await this.request("POST", `/v1/queues/${queue}/claims?limit=${limit}`, { ttl: 300, grace: 60 });
    if (answer.status === 204) return [];
    if (answer.status !== 201) throw new Error(`claim answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body as { href: string; body: unknown }[];
  }

  async delete(href: string): Promise<void> {
    const answer = await this.request("DELETE", href);
    if (answer.status !== 204) throw new Error(`delete answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  }

  /** Every message of the queue, claimed ones and own ones too, in its order. */
  async listAll(queue: string): Promise<{ href: string; body: unknown }[]> {
    const all: { href: string; body: unknown }[] = [];
    let target = `/v1/queues/${queue}/messages?limit=20&echo=true&include_claimed=true`;
    for (;;) {
      const answer = await this.request("GET", target);
      if (answer.status === 204) return all;
      if (answer.status !== 200) throw new Error(`list answered ${answer.status}: ${JSON.stringify(answer.body)}`);
      const page = answer.body as {
        messages: { href: string; body: unknown }[];
        links: { rel: string; href: string }[];
      };
      all.push(...page.messages);
      const next = page.links.find((link) => link.rel === "next");
      if (next === undefined || page.messages.length === 0) return all;
      target = next.href;
    }
  }
}
