/** Makes and removes the queues that a measurement uses; a 503 is tried again, since leaders may be on their way. */
export class QueueAdmin {
  readonly #url: string;

  constructor(host: string, port: number) {
    this.#url = `http://${host}:${port}/v1/queues`;
  }

  async create(names: readonly string[]): Promise<void> {
    for (const name of names) await this.#expect("PUT", `/${name}`, [201, 204]);
  }

  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) await this.#expect("DELETE", `/${name}`, [204]);
  }

  async total(names: readonly string[]): Promise<number> {
    let total = 0;
    for (const name of names) {
      const stats = (await this.#expect("GET", `/${name}/stats`, [200])) as { messages: { total: number } };
      total += stats.messages.total;
    }
    return total;
  }

  async #expect(method: string, target: string, statuses: readonly number[]): Promise<unknown> {
    for (let attempt = 0; ; attempt++) {
      const response = await fetch(this.#url + target, { method });
      const text = await response.text();
      if (statuses.includes(response.status)) return text === "" ? undefined : (JSON.parse(text) as unknown);
      if (response.status !== 503 || attempt === 20)
        throw new Error(`${method} ${target} answered ${response.status}: ${text}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
