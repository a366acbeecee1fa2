/**
 * The pool's HTTP application: submit items, ask for them, and a page that shows them flow.
 * @module
 */
import { Hono } from "hono";
import { csrf } from "hono/csrf";
import { streamSSE } from "hono/streaming";
import * as v from "valibot";
import type { Pool } from "./pool.ts";
import { PAGE } from "./page.ts";

const ITEMS = v.array(v.object({
  id: v.pipe(v.string(), v.regex(/^[\w-]{1,100}$/, 'must be 1 to 100 letters, digits, "_" or "-"')),
  amount: v.pipe(v.number(), v.integer(), v.minValue(1)),
}));

/** Makes the application. */
export function createWeb(pool: Pool): Hono {
  const app = new Hono();
  app.use(csrf()); // No page from elsewhere submits anything.
  app.get("/", (c) => c.html(PAGE));
  app.post("/items", async (c) => {
    const body = await c.req.json().catch(() => undefined);
    const given = v.safeParse(ITEMS, Array.isArray(body) ? body : [body]);
    if (!given.success) return c.json({ error: given.issues.map((issue) => `${v.getDotPath(issue) ?? ""} ${issue.message}`) }, 400);
    await pool.submit(given.output);
    return c.json({ submitted: given.output.length }, 202);
  });
  app.get("/items/:id", (c) => {
    const item = pool.items.get(c.req.param("id"));
    return item === undefined ? c.json({ error: "There is no such item" }, 404) : c.json(item);
  });
  app.get("/counts", (c) => c.json(pool.items.counts()));
  // What happens, as it happens: one line for each event, and how many items there are in each state.
  app.get("/flow", (c) =>
    streamSSE(c, async (stream) => {
      const controller = new AbortController();
      stream.onAbort(() => controller.abort());
      const events = pool.host.events.subscribe("item.*", { signal: controller.signal });
      await stream.writeSSE({ event: "counts", data: JSON.stringify(pool.items.counts()) });
      for await (const { topic, data } of events) {
        const { id } = JSON.parse(new TextDecoder().decode(data));
        await stream.writeSSE({ event: "item", data: JSON.stringify({ id, topic, counts: pool.items.counts() }) });
      }
    }));
  return app;
}
