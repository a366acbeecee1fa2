/**
 * Row A7, ports: free ones are not given twice, and a connection that meets itself is nobody listening.
 * @module
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { claimPort, isBindable, isListening, LOOPBACK, reservePort } from "../../../host/process/ports.ts";
import { pathOf, RUNTIME } from "../../support.ts";
import { openStandIn } from "./stand_in.ts";

/** More than there are ports of one parity in the ephemeral range, from which the system takes the port of each connection. */
const POLLS = process.env["POLYPLUG_LONG"] ? 100_000 : 20_000;

test("A7: reservePort() gives no port twice until it is released", async () => {
  const ports = await Promise.all(Array.from({ length: 200 }, () => reservePort()));
  assert.equal(new Set(ports.map(({ port }) => port)).size, 200);
  for (const { port } of ports) assert.equal(claimPort(port), undefined);
  const { port } = ports[0] ?? { port: 0 };
  for (const reserved of ports) reserved.release();
  const claimed = claimPort(port);
  assert.equal(claimed?.port, port);
  claimed?.release();
});

test("A7: isBindable() and isListening() tell a free port from a taken one, on each loopback address", async () => {
  const { port, release } = await reservePort();
  assert.ok(await isBindable(port));
  for (const address of LOOPBACK) assert.ok(!(await isListening(address, port)));
  const other = await openStandIn(undefined, port);
  assert.ok(!(await isBindable(port)));
  assert.ok(await isListening("127.0.0.1", port));
  await other.close();
  assert.ok(await isBindable(port));
  release();
});

test("A7: a port that is bound and does not listen yet is not listening, and not free", async () => {
  const server = createServer().listen({ port: 0, host: "127.0.0.1", exclusive: true });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  assert.ok(!(await isBindable(port)));
  server.close();
  await once(server, "close");
  assert.ok(await isBindable(port));
});

const canUnshare = spawnSync("unshare", ["-rn", "ip", "link", "set", "lo", "up"]).status === 0;

test("A7: a connection that meets itself counts as nobody listening", {
  skip: canUnshare ? false : "this machine lets nobody make a network of his own (unshare -rn)",
}, () => {
  const script = [pathOf("tests/fixtures/process/narrow_network.sh"), RUNTIME, ...(RUNTIME === "deno" ? ["run", "-A"] : [])];
  const args = ["-rn", "/bin/sh", ...script, pathOf("tests/fixtures/process/polls_free_ports.ts")];
  const { stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8", timeout: 60_000 });
  const yes: Record<string, number> = JSON.parse(stdout || stderr);
  assert.ok((yes["plain"] ?? 0) > 0, "no connection met itself, so this shows nothing");
  assert.equal(yes["isListening"], 0);
});

test(`A7: a free port of the ephemeral range is never listening, however often it is asked (${POLLS} times)`, async () => {
  const reserved = [];
  // The system prefers ports of one parity for connections and of the other for servers, so both are tried.
  for (const parity of [0, 1]) {
    let port = await reservePort();
    for (let tries = 0; port.port % 2 !== parity && tries < 500; tries++) port = await reservePort();
    reserved.push(port);
  }
  for (const { port } of reserved) {
    for (let poll = 0; poll < POLLS; poll += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => isListening("127.0.0.1", port)));
      assert.ok(!answers.includes(true), `port ${port} after ${poll} polls`);
    }
  }
  for (const { release } of reserved) release();
});

test("A7: reservePort() marks its port for hosts in other processes until it is released", async () => {
  const chosen = await reservePort();
  const bind = async () => {
    const mark = createSocket("udp4");
    const outcome = await new Promise<string | undefined>((resolve) => {
      mark.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      mark.bind({ port: chosen.port, address: "127.0.0.1", exclusive: true }, () => resolve(undefined));
    });
    mark.close();
    return outcome;
  };
  assert.equal(await bind(), "EADDRINUSE");
  chosen.release();
  // Deno closes a socket in a later turn of its event loop.
  while (await bind() !== undefined) await setImmediate();
});
