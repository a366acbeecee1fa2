/**
 * Where a plugin can be reached, and how that is written: `http://127.0.0.1:41234` or `unix:/path`.
 * @module
 */

/** A pair of byte pipes to another process. */
export interface Channel {
  /** What the other side writes, in chunks of any size. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Writes a chunk; resolves when more may be written. */
  write(chunk: Uint8Array): Promise<void>;
  /** Ends the output. */
  close(): Promise<void>;
}

/** Where a plugin can be reached. */
export type Endpoint =
  | { readonly kind: "tcp"; readonly url: URL }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "pipes"; readonly channel: Channel };

/** Reads an address from the config or a ready line; `undefined` when it is neither an http URL nor `unix:/path`. */
export function endpointFromAddress(address: string): Endpoint | undefined {
  if (address.startsWith("unix:")) {
    const path = address.slice("unix:".length);
    return path.startsWith("/") ? { kind: "unix", path } : undefined;
  }
  const url = URL.parse(address);
  if (url === null || url.protocol !== "http:" || url.username !== "" || url.port === "0") return undefined;
  return { kind: "tcp", url };
}

/** Writes an endpoint as people and ready lines name it. */
export function addressFromEndpoint(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case "tcp":
      return endpoint.url.origin;
    case "unix":
      return `unix:${endpoint.path}`;
    case "pipes":
      return "stdio";
  }
}

/** Whether a host name, as a URL or a `Host` header has it, stands for this machine alone. */
export function isLoopbackName(name: string): boolean {
  const bare = name.toLowerCase().replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare === "::1" || /^127(\.\d{1,3}){3}$/.test(bare);
}

/** Whether only programs on this machine can reach the endpoint. */
export function isLocal(endpoint: Endpoint): boolean {
  return endpoint.kind !== "tcp" || isLoopbackName(endpoint.url.hostname);
}
