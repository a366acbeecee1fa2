/**
 * The peers that polyplug is measured beside: installs what they need into a folder that git ignores, and gives the programs that race.
 * @module
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { Runtimes } from "../../tasks/runtimes.ts";
import { pathOf } from "../support.ts";
import type { RacerProgram } from "./race.ts";

/** One other way to call code outside the application. */
export interface Peer {
  readonly name: string;
  /** How its users send bytes, as its documentation has it. */
  readonly bytes: string;
  /** Its folder under peers/. */
  readonly folder: string;
}

/** The one that the targets speak of. */
export const REFERENCE = "go-plugin";

/** The peers in the order of the table. */
export const PEERS: readonly Peer[] = [
  { name: REFERENCE, folder: "go_plugin", bytes: "Go to Go, gRPC on a Unix socket, protobuf bytes" },
  { name: "@modelcontextprotocol/sdk", folder: "mcp", bytes: "stdio, a tool call, base64 in JSON" },
  { name: "vscode-jsonrpc", folder: "vscode_jsonrpc", bytes: "stdio, base64 in JSON" },
  { name: "kkrpc", folder: "kkrpc", bytes: "stdio, a Uint8Array, which it writes as numbers in JSON" },
  { name: "@grpc/grpc-js", folder: "grpc_js", bytes: "loopback TCP, protobuf bytes" },
  { name: "tinypool", folder: "tinypool", bytes: "no process: one thread, a structured clone" },
];

const run = promisify(execFile);
const folder = pathOf("tests/bench/peers");
const goFolder = `${folder}/go_plugin`;
const goBinary = `${folder}/build/go_plugin`;

/** Installs the peers: npm's into peers/node_modules, Go's into peers/build. */
export async function installPeers(): Promise<void> {
  await run("npm", ["install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  await run("go", ["build", "-o", goBinary, "."], { cwd: goFolder });
}

/** The programs of the peers: Go's own, the others on Node. */
export function peerPrograms({ node, path }: Runtimes): readonly RacerProgram[] {
  return PEERS.map(({ name, folder: peer }) =>
    name === REFERENCE ? { name, exec: goBinary, args: [], path } : { name, exec: node, args: [`${folder}/run.mjs`, peer], path }
  );
}

/** What was installed, with versions: the peers, and the Go and grpc-go that go-plugin was built with. */
export async function peerVersions(): Promise<Readonly<Record<string, string>>> {
  const { dependencies } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
  const { stdout } = await run("go", [
    "list",
    "-m",
    "-f",
    "{{.Path}} {{.Version}}",
    "github.com/hashicorp/go-plugin",
    "google.golang.org/grpc",
  ], {
    cwd: goFolder,
  });
  const [plugin, grpc] = stdout.trim().split("\n").map((line) => line.split(" v")[1] ?? "");
  const go = (await run("go", ["env", "GOVERSION"], { cwd: goFolder })).stdout.trim().replace("go", "Go ");
  return { ...dependencies, [REFERENCE]: `${plugin} (grpc-go ${grpc}, ${go})` };
}
