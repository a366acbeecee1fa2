/**
 * The program on the other side of a floor: `floor/main.ts --wire W --port N`. It prints its address and ends when its stdin ends.
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { serveGrpcFloor } from "./grpc.ts";
import { HTTP_FORMS } from "./http_forms.ts";
import { serveHttpFloor } from "./http_server.ts";
import { serveSocketFloor } from "./socket.ts";

const { values } = parseArgs({ options: { wire: { type: "string", default: "rest" }, port: { type: "string", default: "0" } } });
const form = HTTP_FORMS.get(values.wire);
const port = Number(values.port);
process.stdin.on("end", () => process.exit()).resume();
process.stdout.write(`${await serve()}\n`);

async function serve(): Promise<string> {
  if (values.wire === "socket") return await serveSocketFloor();
  return form === undefined ? await serveGrpcFloor(port) : await serveHttpFloor(form, port);
}
