/**
 * `Lane`: one way to have bytes echoed by another process; the benchmark races two of them.
 * @module
 */

/** A client with its connection, to be called any number of times at once. */
export interface Lane {
  call(command: string, payload: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}
