/**
 * grpc-js over TCP on the loopback address, the host's side: bytes go as `bytes`.
 * @module
 */
// @ts-ignore: only --peers installs it
import * as grpc from "@grpc/grpc-js";
// @ts-ignore: only --peers installs it
import { loadSync } from "@grpc/proto-loader";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";

/** Starts the plugin and connects. */
export async function open() {
  const child = spawn(process.execPath, [`${import.meta.dirname}/plugin.mjs`], { stdio: ["pipe", "pipe", "inherit"] });
  const [port] = await once(child.stdout.setEncoding("utf8"), "data");
  const { bench } = grpc.loadPackageDefinition(loadSync(`${import.meta.dirname}/echo.proto`));
  const client = new bench.Echo(`127.0.0.1:${port.trim()}`, grpc.credentials.createInsecure());
  const call = (payload) =>
    new Promise((resolve, reject) => client.Call({ data: payload }, (error, answer) => error ? reject(error) : resolve(answer.data)));
  return {
    call,
    close: () => {
      client.close();
      child.kill();
    },
  };
}
