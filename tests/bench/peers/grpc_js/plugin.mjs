/**
 * grpc-js over TCP on the loopback address, the plugin's side: one method that echoes. It prints its port.
 * @module
 */
// @ts-ignore: only --peers installs it
import * as grpc from "@grpc/grpc-js";
// @ts-ignore: only --peers installs it
import { loadSync } from "@grpc/proto-loader";
import process from "node:process";

const { bench } = grpc.loadPackageDefinition(loadSync(`${import.meta.dirname}/echo.proto`));
const server = new grpc.Server();
server.addService(bench.Echo.service, { Call: ({ request }, answer) => answer(null, { data: request.data }) });
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});
process.stdin.on("end", () => process.exit()).resume();
