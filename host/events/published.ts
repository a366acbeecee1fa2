/**
 * An event as the host has it, from when it was published until everybody has it.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";

/** Something that was published. */
export interface PublishedEvent {
  readonly id: string;
  readonly topic: string;
  /** A plugin's name, or the host's. */
  readonly from: string;
  /** The same bytes for all who get it. */
  readonly data: Bytes;
  /** `durable`: it stands in the database until it is acknowledged; `latest`: it makes those before it on its topic worthless. */
  readonly kind: "passing" | "durable" | "latest";
}

/** A durable event, and where it stands among all of them. */
export interface KeptEvent extends PublishedEvent {
  /** Grows from event to event. */
  readonly seq: number;
}

/** Whether the database has it. */
export function isKept(event: PublishedEvent): event is KeptEvent {
  return event.kind === "durable";
}

/** Events of one publisher and topic keep their order; this tells them from all others. */
export function laneOf({ from, topic }: PublishedEvent): string {
  return `${from} ${topic}`;
}

/** What it takes of a queue's bytes; a name for each event counts too, so that no number of empty ones is free. */
export function sizeOf({ data }: PublishedEvent): number {
  return data.length + 256;
}

/** The most bytes of events that one queue holds, whatever their number: 64 MiB. */
export const MOST_BYTES: number = 64 * 1024 * 1024;

/** An event that was given up. */
export interface DeadLetter {
  /** The plugin that did not take it. */
  readonly plugin: string;
  /** The event's id. */
  readonly id: string;
  /** The event's topic. */
  readonly topic: string;
  /** Who published it. */
  readonly from: string;
  /** What it says. */
  readonly data: Bytes;
  /** How often it was sent. */
  readonly attempts: number;
  /** What the plugin, or the way to it, said last. */
  readonly reason: string;
  /** When it was given up. */
  readonly at: Date;
}

/** How a subscriber is doing. */
export interface SubscriberStatus {
  /** The plugin's name; `""` for a subscription of the application. */
  readonly plugin: string;
  /** How many events wait in memory, those on their way included. */
  readonly waiting: number;
  /** The most that may; 64 MiB of them are the most too. */
  readonly queue: number;
  /** What happens to the next one. */
  readonly overflow: "drop-oldest" | "drop-newest" | "block";
  /** How many durable events the database holds for it. */
  readonly kept: number;
  /** How many it has taken. */
  readonly delivered: number;
  /** How many it will never get because there was no room. */
  readonly dropped: number;
  /** How many were given up. */
  readonly dead: number;
}
