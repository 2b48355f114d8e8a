import { type MetricsRegistry, sampleCounter, sampleGauge } from "../telemetry/index.js";
import type { RouterStats } from "./router/index.js";

type Row = readonly [name: string, help: string, key: keyof RouterStats];

const gauges: readonly Row[] = [
  ["marconi_router_requests_in_flight", "Requests on a stream whose answer has not come.", "requestsInFlight"],
  ["marconi_router_requests_waiting", "Requests that wait for a leader.", "requestsWaiting"],
  [
    "marconi_router_requests_outstanding",
    "Requests accepted and not answered, wherever they are.",
    "requestsOutstanding",
  ],
  ["marconi_router_outstanding_bytes", "Encoded bytes of the outstanding requests.", "outstandingBytes"],
  ["marconi_router_nodes_connected", "Storage nodes with a working stream.", "nodesConnected"],
  ["marconi_router_partitions", "Partitions of the cluster; 0 before any node was met.", "partitions"],
  [
    "marconi_router_partitions_without_leader",
    "Partitions that nobody can be asked for now.",
    "partitionsWithoutLeader",
  ],
];

const counters: readonly Row[] = [
  ["marconi_router_requests_total", "Requests accepted.", "requests"],
  ["marconi_router_results_total", "Requests answered with a result.", "results"],
  ["marconi_router_retries_total", "Requests sent again, for whatever reason.", "retries"],
  ["marconi_router_bounces_total", "Requests turned away by a node that does not lead.", "bounces"],
  ["marconi_router_leader_changes_total", "News of another leader or of a leader that serves.", "leaderChanges"],
  ["marconi_router_streams_lost_total", "Streams that broke after they had worked.", "streamsLost"],
  ["marconi_router_dials_total", "Attempts to connect to a storage node.", "dials"],
  ["marconi_router_frames_sent_total", "Frames of requests sent.", "framesSent"],
  ["marconi_router_requests_sent_total", "Requests in the frames sent.", "requestsSent"],
  ["marconi_router_frames_received_total", "Frames of answers received.", "framesReceived"],
  ["marconi_router_answers_received_total", "Answers in the frames received.", "answersReceived"],
  ["marconi_router_answers_late_total", "Answers to requests that had been given up.", "answersLate"],
  ["marconi_router_overloaded_total", "Requests refused because a bound was reached.", "overloaded"],
  ["marconi_router_no_leader_total", "Requests whose time ran out and that had no effect.", "noLeader"],
  ["marconi_router_unknown_outcomes_total", "Requests given up that may have been executed.", "unknownOutcomes"],
];

/** Shows the router's counters to Prometheus; they are read when it asks. */
export function registerRouterMetrics(registry: MetricsRegistry, stats: () => RouterStats): void {
  for (const [name, help, key] of gauges) sampleGauge(registry, { name, help, read: () => stats()[key] });
  for (const [name, help, key] of counters) sampleCounter(registry, { name, help, read: () => stats()[key] });
}
