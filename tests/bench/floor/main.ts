/**
 * The program on the other side of a floor: `floor/main.ts --wire W --port N [--quick]`. It prints its address and ends when its stdin ends.
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";

const options = { wire: { type: "string", default: "rest" }, port: { type: "string", default: "0" }, quick: { type: "boolean" } } as const;
const { values } = parseArgs({ options });
const port = Number(values.port);
process.stdin.on("end", () => process.exit()).resume();
process.stdout.write(`${await serve()}\n`);

/** What the wire does not need is not loaded: the time from start to first answer is measured with this program too. */
async function serve(): Promise<string> {
  if (values.wire === "socket") return await (await import("./socket.ts")).serveSocketFloor();
  if (values.wire === "stdio") return (await import("./stdio.ts")).serveStdioFloor();
  if (values.wire === "grpc") return await (await import("./grpc.ts")).serveGrpcFloor(port);
  const form = (await import("./http_forms.ts")).HTTP_FORMS.get(values.wire);
  if (form === undefined) throw new TypeError(`--wire ${values.wire} has no floor`);
  if (values.quick === true) return await (await import("./quick_http.ts")).serveQuickFloor(form);
  return await (await import("./http_server.ts")).serveHttpFloor(form, port);
}
