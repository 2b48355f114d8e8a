import {
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  credentials as grpcCredentials,
  makeClientConstructor,
} from "@grpc/grpc-js";
import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  PartitionsService,
} from "../../gen/marconi/v1/partitions_pb.js";
import { channelOptions, EncodedFrame, FrameWriter, serviceDefinition } from "../../rpc/index.js";
import { routerLimits } from "./limits.js";
import type { Connection, ConnectionHandlers, Transport } from "./transport.js";

type ExchangeStream = ClientDuplexStream<ExchangeRequest, ExchangeResponse>;
type PartitionsClient = Client & { exchange(): ExchangeStream };

const PartitionsClientConstructor = makeClientConstructor(serviceDefinition(PartitionsService), "PartitionsService");

export interface GrpcTransportOptions {
  /** Default: no encryption. */
  readonly credentials?: ChannelCredentials;
  /** Default: routerLimits.unsentBytesMax. */
  readonly unsentBytesMax?: number;
}

/** Connections to storage nodes over gRPC. */
export class GrpcTransport implements Transport {
  readonly #credentials: ChannelCredentials;
  readonly #unsentBytesMax: number;

  constructor(options: GrpcTransportOptions = {}) {
    this.#credentials = options.credentials ?? grpcCredentials.createInsecure();
    this.#unsentBytesMax = options.unsentBytesMax ?? routerLimits.unsentBytesMax;
  }

  connect(address: string, handlers: ConnectionHandlers): Connection {
    // A client of its own for every attempt: its channel carries no back-off over from the last failure.
    const client = new PartitionsClientConstructor(
      address,
      this.#credentials,
      channelOptions,
    ) as unknown as PartitionsClient;
    return new GrpcConnection(client, handlers, this.#unsentBytesMax);
  }
}

class GrpcConnection implements Connection {
  readonly #client: PartitionsClient;
  readonly #stream: ExchangeStream;
  readonly #handlers: ConnectionHandlers;
  readonly #unsentBytesMax: number;
  readonly #writer = new FrameWriter(4_096);
  #unsentBytes = 0;
  #full = false;
  #over = false;

  constructor(client: PartitionsClient, handlers: ConnectionHandlers, unsentBytesMax: number) {
    this.#client = client;
    this.#handlers = handlers;
    this.#unsentBytesMax = unsentBytesMax;
    const stream = client.exchange();
    this.#stream = stream;
    stream.on("data", (frame: ExchangeResponse) => {
      if (!this.#over) handlers.frame(frame);
    });
    // The listener stays after `close`: a stream without one would end the process with its CANCELLED.
    stream.on("error", (error: Error) => {
      this.#end(error.message);
    });
    stream.on("end", () => {
      this.#end("the node ended the stream");
    });
  }

  send(frame: ExchangeRequest, bytes: number): boolean {
    if (this.#over) return true;
    this.#unsentBytes += bytes;
    const encoded = frame.hello === undefined ? this.#encode(frame) : frame;
    this.#stream.write(encoded as unknown as ExchangeRequest, () => {
      this.#sent(bytes);
    });
    if (this.#unsentBytes > this.#unsentBytesMax) this.#full = true;
    return !this.#full;
  }

  /** Requests come by the thousand: their columns are written by hand. */
  #encode({ payload, correlations, partitions, lengths }: ExchangeRequest): EncodedFrame {
    const { field } = ExchangeRequestSchema;
    this.#writer.beginBytes(field.payload.number).raw(payload);
    this.#writer.endBytes();
    this.#writer.packed(field.correlations.number, correlations);
    this.#writer.packed(field.partitions.number, partitions);
    this.#writer.packed(field.lengths.number, lengths);
    return new EncodedFrame(this.#writer.take());
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.cancel();
    this.#client.close();
  }

  #sent(bytes: number): void {
    this.#unsentBytes -= bytes;
    if (!this.#full || this.#over || this.#unsentBytes > this.#unsentBytesMax / 2) return;
    this.#full = false;
    this.#handlers.drained();
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.close();
    this.#handlers.closed(reason);
  }
}
