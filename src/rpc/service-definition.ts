import { create, type DescMessage, type DescService, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";

interface Codec<D extends DescMessage> {
  readonly serialize: (value: MessageInitShape<D>) => Buffer;
  readonly deserialize: (bytes: Buffer) => MessageShape<D>;
}

/** A message that FrameWriter has encoded already: it is written to a stream as it is. */
export class EncodedFrame {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

function codec<D extends DescMessage>(schema: D): Codec<D> {
  return {
    serialize: (value) => {
      if (value instanceof EncodedFrame) return value.bytes;
      const bytes = toBinary(schema, create(schema, value));
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    deserialize: (bytes) => fromBinary(schema, bytes),
  };
}

/** Turns a service descriptor of protobuf-es into the table of methods that grpc-js servers and clients take. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  const table: Record<string, MethodDefinition<unknown, unknown>> = {};
  for (const method of service.methods) {
    const input = codec(method.input);
    const output = codec(method.output);
    table[method.localName] = {
      path: `/${service.typeName}/${method.name}`,
      requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
      responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
      requestSerialize: input.serialize as (value: unknown) => Buffer,
      requestDeserialize: input.deserialize,
      responseSerialize: output.serialize as (value: unknown) => Buffer,
      responseDeserialize: output.deserialize,
    };
  }
  return table;
}
