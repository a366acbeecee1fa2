/**
 * Connect as both sides write it, where it differs from gRPC: content types, and JSON in the seed's form, with hex in strings.
 * @module
 */

/** The content type of a body in protobuf's binary form, which is gRPC's message. */
export const PROTO_TYPE = "application/proto";
/** The content type of a body in JSON: `{"Command":"…","Payload":"<hex>"}`. */
export const JSON_TYPE = "application/json";
/** The header that carries the milliseconds left. */
export const TIMEOUT = "connect-timeout-ms";

/** Whether a content type names the JSON form. */
export function isJson(contentType: string | null): boolean {
  return contentType !== null && contentType.split(";", 1)[0]?.trim().toLowerCase() === JSON_TYPE;
}
