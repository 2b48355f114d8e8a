/**
 * The glue between generated protobuf code and gRPC, and the settings that both ends of every stream share. Imports the
 * generated code, `@grpc/grpc-js` and `@bufbuild/protobuf`.
 */
export { FrameWriter } from "./frame-writer.js";
export { EncodedFrame, serviceDefinition } from "./service-definition.js";
export { channelOptions, PROTOCOL_VERSION } from "./channel-options.js";
