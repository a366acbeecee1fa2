/**
 * One plugin as events see it: takes events, sends each until the plugin acknowledges it, and gives up those that it will not take.
 *
 * Of one publisher and topic one is on its way at a time. While the plugin does not run nothing is sent, and no try is counted.
 * @module
 */
import type { PluginCaller } from "../plugin_caller.ts";
import type { PluginSpec } from "../discover.ts";
import type { Clock } from "../supervise/clock.ts";
import { Backlog } from "./backlog.ts";
import { deliver, type Outcome, sendEvent } from "./delivery.ts";
import { Interest, type Said } from "./interest.ts";
import { type DeadLetter, isKept, type KeptEvent, type PublishedEvent, type SubscriberStatus } from "./published.ts";
import { EventQueue, type Waiting } from "./queue.ts";
import { Room } from "./room.ts";
import type { EventStore } from "./store.ts";

/** What a subscriber needs of its plugin and its host. */
export interface SubscriberOptions {
  /** What the configuration says now. */
  readonly spec: () => PluginSpec;
  readonly caller: PluginCaller;
  /** Whether a call would be sent at once. */
  readonly isReady: () => boolean;
  /** Starts a plugin that is idle, as a call would; one that was stopped stays so. */
  readonly wake: () => void;
  readonly store: EventStore;
  readonly clock: Clock;
  /** Gets what was given up. */
  readonly bury: (letter: DeadLetter) => void;
}

/** How many events are on their way to one plugin at once: enough to use a quick one, few enough for one that takes each in a thread. */
const MOST_AT_ONCE = 16;
/** A stop waits no longer for a plugin to hear of it. */
const MOST_NOTICE_MS = 2000;

/** One plugin's events. */
export class PluginSubscriber {
  readonly interest: Interest;
  readonly #options: SubscriberOptions;
  readonly #queue: EventQueue;
  readonly #backlog: Backlog;
  readonly #room: Room;
  readonly #timers = new Set<() => void>();
  readonly #known = Promise.withResolvers<void>();
  #onTheirWay = 0;
  #delivered = 0;
  #dead = 0;
  #closed = false;

  /** `hasDurable` says that there may be events in the database from before. */
  constructor(hasDurable: boolean, options: SubscriberOptions) {
    const { spec, store, clock } = this.#options = options;
    this.interest = new Interest(spec);
    const queue = this.#queue = new EventQueue(() => spec().events);
    this.#backlog = new Backlog(hasDurable, { plugin: () => this.name, queue, store, clock, onLoaded: () => this.pump() });
    this.#room = new Room({ clock, ms: () => spec().events.ackTimeoutMs });
  }

  get name(): string {
    return this.#options.spec().name;
  }

  get status(): SubscriberStatus {
    const { queue, overflow } = this.#options.spec().events;
    const { size: waiting, dropped } = this.#queue;
    const kept = this.#options.store.keptOf(this.name);
    return { plugin: this.name, waiting, queue, overflow, kept, delivered: this.#delivered, dropped, dead: this.#dead };
  }

  /** It has started: what its features and its info say; `tell` gives it what it is to hear first. */
  started(said: Said, tell: () => void): void {
    this.interest.started(said);
    this.#known.resolve();
    tell();
    this.pump();
  }

  /** What to wait for, where its policy is to block; `undefined` when there is room, or when it has taken nothing for `ack_timeout`. */
  room(): Promise<void> | undefined {
    const isBlocked = this.#options.spec().events.overflow === "block" && this.#queue.isFull;
    return isBlocked && !this.#closed ? this.#room.wait() : undefined;
  }

  /** Takes an event. */
  push(event: PublishedEvent): void {
    if (this.#closed) return;
    this.#queue.add(event);
    this.pump();
  }

  /** Takes an event that is in the database already. */
  pushKept(event: KeptEvent): void {
    this.#backlog.add(event);
    this.pump();
  }

  /** Takes an event that makes those before it worthless; one that does not run is told when it starts. */
  pushLatest(event: PublishedEvent): void {
    if (this.#closed || !this.#options.isReady() || this.interest.takesEvents !== true) return;
    this.#queue.replace(event);
    this.pump();
  }

  /** Sends an event once, before all that wait, and resolves when it is acknowledged, or will not be. */
  async sendNow(event: PublishedEvent): Promise<void> {
    const { spec, caller, clock } = this.#options;
    const cancel = clock.after(MOST_NOTICE_MS, this.#known.resolve); // It may have become ready a moment ago.
    await this.#known.promise;
    cancel();
    if (this.interest.takesEvents !== true || !this.interest.wants(event.topic, undefined)) return;
    const timeoutMs = Math.min(spec().events.ackTimeoutMs, MOST_NOTICE_MS);
    await sendEvent(event, { caller, timeoutMs, attempt: 1 }).then(() => void (this.#delivered += 1), ignore);
  }

  /** Starts a plugin that is idle when there are durable events for it from before. */
  async look(): Promise<void> {
    if (!this.interest.isAny) return;
    await this.#backlog.look().catch(ignore); // The store has told of it.
    this.pump();
  }

  /** Sends what can be sent now. */
  pump(): void {
    if (this.#closed) return;
    if (!this.#options.isReady()) return this.#queue.size > 0 || this.#backlog.isWaiting ? this.#options.wake() : undefined;
    if (this.interest.takesEvents === undefined) return; // Its info comes first.
    if (this.interest.takesEvents) void this.#backlog.load();
    for (const waiting of this.#queue.take(MOST_AT_ONCE - this.#onTheirWay)) void this.#send(waiting);
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#timers) cancel();
    this.#known.resolve();
    this.#room.end();
    this.#backlog.close();
  }

  async #send(waiting: Waiting): Promise<void> {
    if (!this.#stillWants(waiting.event)) return this.#forget(waiting);
    const { caller, spec } = this.#options;
    const { ackTimeoutMs, maxAttempts } = spec().events;
    this.#onTheirWay += 1;
    const outcome = await deliver(waiting, { caller, ackTimeoutMs, maxAttempts });
    this.#onTheirWay -= 1;
    if (!this.#closed || outcome.kind === "taken") this.#follow(waiting, outcome);
  }

  #follow(waiting: Waiting, outcome: Outcome): void {
    if (outcome.kind === "taken") {
      this.#delivered += 1;
      return this.#forget(waiting);
    }
    if (this.#isOutdated(waiting)) return this.#forget(waiting);
    if (outcome.kind === "given up") return this.#giveUp(waiting, outcome.reason);
    const cancel = this.#options.clock.after(outcome.delayMs, () => {
      this.#timers.delete(cancel);
      if (this.#isOutdated(waiting)) return this.#forget(waiting);
      this.#queue.retry(waiting);
      this.pump();
    }, { background: true });
    this.#timers.add(cancel);
    this.pump();
  }

  /** It said what it wants only when it had started, or a reload has taken something away. A durable one was promised to it before. */
  #stillWants(event: PublishedEvent): boolean {
    return event.kind === "durable" ? this.interest.allows(event.topic) : this.interest.wants(event.topic, undefined);
  }

  /** Something has come that makes it worthless. */
  #isOutdated(waiting: Waiting): boolean {
    return waiting.event.kind === "latest" && this.#queue.hasNewer(waiting);
  }

  #forget(waiting: Waiting): void {
    if (isKept(waiting.event)) void this.#options.store.acknowledge(this.name, waiting.event.seq);
    this.#leave(waiting);
  }

  #giveUp(waiting: Waiting, reason: string): void {
    const { event, attempts } = waiting;
    const { id, topic, from, data } = event;
    this.#dead += 1;
    if (isKept(event)) void this.#options.store.bury(this.name, event.seq, { attempts, reason });
    this.#options.bury({ plugin: this.name, id, topic, from, data, attempts, reason, at: new Date() });
    this.#leave(waiting);
  }

  #leave(waiting: Waiting): void {
    this.#queue.done(waiting);
    this.#room.open();
    this.pump();
  }
}

function ignore(): void {}
