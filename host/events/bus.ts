/**
 * Events of one host: takes what plugins and the application publish, gives it to every subscriber through a queue of its own.
 * @module
 */
import type { Bytes } from "../../protocol/caller.ts";
import { PluginError } from "../../protocol/errors.ts";
import type { PluginEvent } from "../../protocol/event.ts";
import { createRequestId } from "../../protocol/request_id.ts";
import { isOwnTopic, isPattern, isTopic, matchesTopic } from "../../protocol/topics.ts";
import { DeadLetters } from "./dead_letters.ts";
import type { DeadLetter, KeptEvent, PublishedEvent, SubscriberStatus } from "./published.ts";
import type { EventStore } from "./store.ts";
import type { PluginSubscriber } from "./subscriber.ts";
import { type SubscribeOptions, Subscription } from "./subscription.ts";
import { Turns } from "./turns.ts";

/** Events as the application sees them. */
export interface EventBus {
  /**
   * Publishes an event in the host's name. Each subscriber gets it through its own queue; whoever subscribes later does not get it.
   * @returns the event's id: for a durable topic once it is written, and where a subscriber's policy is to block once it has room.
   * @throws {TypeError} when the topic is none, or belongs to the framework.
   * @throws {PluginError} "host.closed", "host.state" when a durable event cannot be written, "caller.overloaded" when too many wait.
   */
  publish(topic: string, data: Uint8Array): Promise<string>;
  /**
   * Gets the events whose topics fit, from now on, those of the application itself included. Ends when the host closes.
   * @throws {TypeError} when the pattern is none.
   */
  subscribe(pattern: string, options?: SubscribeOptions): AsyncIterable<PluginEvent>;
  /** How every subscriber is doing: the plugins that may get events, then the subscriptions of the application. */
  readonly subscribers: readonly SubscriberStatus[];
  /** How many events wait to be published: for a subscriber that blocks, or for the disk. From 10 000 or 64 MiB on publishing fails. */
  readonly waiting: number;
  /** Events that plugins did not take: the last thousand, and of durable topics those of earlier runs too. */
  deadLetters(): Promise<readonly DeadLetter[]>;
}

/** What the bus needs of its host. */
export interface BusOptions {
  readonly host: string;
  /** Patterns of the durable topics. */
  readonly durable: readonly string[];
  readonly store: EventStore;
}

/** What somebody publishes. */
export interface NewEvent {
  readonly topic: string;
  /** Not changed any more. */
  readonly data: Bytes;
}

/** The bus of one host. */
export class Bus implements EventBus {
  readonly #options: BusOptions;
  readonly #plugins = new Map<string, PluginSubscriber>();
  readonly #application = new Set<Subscription>();
  readonly #dead = new DeadLetters();
  readonly #turns = new Turns();
  #closed = false;

  constructor(options: BusOptions) {
    this.#options = options;
  }

  get subscribers(): readonly SubscriberStatus[] {
    const plugins = [...this.#plugins.values()].filter(({ interest, status }) => interest.isAny || status.waiting > 0);
    return [...plugins, ...this.#application].map(({ status }) => status);
  }

  get waiting(): number {
    return this.#turns.waiting + this.#options.store.waiting;
  }

  /** A plugin's place among the subscribers. */
  plugin(name: string): PluginSubscriber | undefined {
    return this.#plugins.get(name);
  }

  /** Gives a plugin its place. */
  add(name: string, subscriber: PluginSubscriber): void {
    this.#plugins.set(name, subscriber);
  }

  /** Remembers what a plugin did not take. */
  bury(letter: DeadLetter): void {
    this.#dead.add(letter);
  }

  async publish(topic: string, data: Uint8Array): Promise<string> {
    requireTopic(topic);
    if (!(data instanceof Uint8Array)) throw new TypeError("The data of an event must be a Uint8Array");
    return await this.#publish({ topic, data: new Uint8Array(data) }, undefined);
  }

  /** Publishes in a plugin's name. */
  async publishFrom(plugin: string, event: NewEvent): Promise<string> {
    return await this.#publish(event, plugin);
  }

  /** Tells the plugins that run that all have started, and starts one that is idle and has events from an earlier run. */
  notifyStarted(runs: (plugin: string) => boolean): void {
    const event = this.#own("polyplug.started", NOTHING);
    for (const subscriber of this.#wanting(event, undefined)) if (runs(subscriber.name)) subscriber.push(event);
    this.#giveApplication(event);
    if (this.#options.durable.length > 0) { for (const subscriber of this.#plugins.values()) void subscriber.look(); }
  }

  /** Tells the plugins that run, each once, and waits until they know it or have had the time to; nobody when none runs. */
  async notifyRunning(topic: string, runs: (plugin: string) => boolean): Promise<void> {
    const event = this.#own(topic, NOTHING);
    const running = this.#wanting(event, undefined).filter((subscriber) => runs(subscriber.name));
    if ([...this.#plugins.keys()].some(runs)) this.#giveApplication(event);
    await Promise.all(running.map((subscriber) => subscriber.sendNow(event)));
  }

  /** Tells one plugin, in the place of what it has not been told yet. */
  notifyLatest(name: string, topic: string, data: Bytes): void {
    const subscriber = this.#plugins.get(name);
    if (subscriber?.interest.wants(topic, undefined) === true) subscriber.pushLatest({ ...this.#own(topic, data), kind: "latest" });
  }

  subscribe(pattern: string, options: SubscribeOptions = {}): AsyncIterable<PluginEvent> {
    if (!isPattern(pattern)) throw new TypeError(`"${pattern}" is no pattern: words, "*" or "#", joined by dots`);
    const subscription = new Subscription(pattern, options, (ended) => this.#application.delete(ended));
    if (this.#closed) subscription.end();
    if (!subscription.ended) this.#application.add(subscription);
    return subscription;
  }

  async deadLetters(): Promise<readonly DeadLetter[]> {
    const isKept = this.#options.durable.length > 0 && !this.#closed;
    return this.#dead.with(isKept ? await this.#options.store.dead() : []);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const subscriber of this.#plugins.values()) subscriber.close();
    for (const subscription of this.#application) subscription.end();
    await this.#options.store.close();
  }

  /** What can be given out at once is: then nothing waits, however quickly somebody publishes. */
  async #publish({ topic, data }: NewEvent, publisher: string | undefined): Promise<string> {
    const { host, durable, store } = this.#options;
    if (this.#closed) throw new PluginError("host.closed", `Host "${host}" is closed`);
    const event: PublishedEvent = { id: createRequestId(), topic, from: publisher ?? host, data, kind: "passing" };
    const plugins = this.#wanting(event, publisher);
    if (plugins.length > 0 && durable.some((pattern) => matchesTopic(pattern, topic))) {
      const onKept = (kept: KeptEvent) => plugins.forEach((subscriber) => subscriber.pushKept(kept));
      await store.add({ ...event, kind: "durable" }, { subscribers: plugins.map(({ name }) => name), onKept });
      await this.#giveInTurn(event, []);
    } else {
      const turn = this.#giveInTurn(event, plugins);
      if (turn !== undefined) await turn;
    }
    return event.id;
  }

  #giveInTurn(event: PublishedEvent, plugins: readonly PluginSubscriber[]): Promise<void> | undefined {
    const application = [...this.#application].filter((subscription) => subscription.wants(event.topic));
    const all = [...plugins, ...application];
    return this.#turns.run(event, {
      room: () => waitForAll(all),
      give: () => {
        for (const subscriber of all) subscriber.push(event);
      },
    });
  }

  #giveApplication(event: PublishedEvent): void {
    for (const subscription of this.#application) if (subscription.wants(event.topic)) subscription.push(event);
  }

  #wanting({ topic }: PublishedEvent, publisher: string | undefined): readonly PluginSubscriber[] {
    return [...this.#plugins.values()].filter(({ interest }) => interest.wants(topic, publisher));
  }

  #own(topic: string, data: Bytes): PublishedEvent {
    return { id: createRequestId(), topic, from: this.#options.host, data, kind: "passing" };
  }
}

const NOTHING: Bytes = new Uint8Array(0);

function waitForAll(subscribers: readonly (PluginSubscriber | Subscription)[]): Promise<void> | undefined {
  const waits = subscribers.flatMap((each) => each.room() ?? []);
  return waits.length === 0 ? undefined : Promise.all(waits).then(() => {});
}

function requireTopic(topic: string): void {
  if (!isTopic(topic)) throw new TypeError(`"${topic}" is no topic: 1 to 32 words of letters, digits, "_" or "-", joined by dots`);
  if (isOwnTopic(topic)) throw new TypeError(`The topic "${topic}" belongs to the framework`);
}
