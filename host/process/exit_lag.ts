/**
 * The time between two signs of one event: a connection that ends, and the exit of the process that had it.
 * @module
 */

/** How long the exit of a process may take to show after its connection has ended, in milliseconds. */
export const EXIT_LAG_MS = 250;
