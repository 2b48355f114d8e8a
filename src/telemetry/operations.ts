import type { MetricsRegistry } from "./registry.js";

export interface OperationsOptions {
  readonly registry: MetricsRegistry;
  /** False: this process cannot recover by itself and should be restarted. */
  readonly health: () => boolean;
  /** False: send no traffic here for now. */
  readonly ready: () => boolean;
}

export interface OperationsAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const plainText = "text/plain; charset=utf-8";

/** What every process answers to its operator: `/metrics` for Prometheus, `/health` for liveness, `/ready` for traffic. */
export class OperationsEndpoints {
  readonly #options: OperationsOptions;

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  static readonly paths: readonly string[] = ["/metrics", "/health", "/ready"];

  /** Undefined for a path that is not one of `paths`. */
  async answer(path: string): Promise<OperationsAnswer | undefined> {
    const { registry, health, ready } = this.#options;
    switch (path) {
      case "/metrics":
        return { status: 200, contentType: registry.contentType, body: await registry.metrics() };
      case "/health":
        return yesOrNo(health());
      case "/ready":
        return yesOrNo(ready());
      default:
        return undefined;
    }
  }
}

function yesOrNo(yes: boolean): OperationsAnswer {
  return { status: yes ? 200 : 503, contentType: plainText, body: yes ? "ok\n" : "unavailable\n" };
}
