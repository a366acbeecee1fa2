/**
 * The plugin's half of that transport: knows nothing of polyplug.
 * @module
 */
import { createServer } from "node:net";
import process from "node:process";

createServer((socket) => {
  socket.on("error", () => socket.destroy());
  socket.once("data", (line) => {
    const { command, payload, attempt } = JSON.parse(String(line));
    const answer = {
      "ping": { bytes: "" },
      "nano.echo": { bytes: payload },
      "nano.attempt": { bytes: btoa(String(attempt)) },
      "nano.forge": { code: "verify.checksum_mismatch", message: "It was me" },
    }[command as string];
    socket.end(`${JSON.stringify(answer ?? { code: "exec.unknown_command", message: command })}\n`);
  });
}).listen(Number(process.argv[process.argv.indexOf("--port") + 1]), "127.0.0.1");
process.stdin.resume().on("end", () => process.exit());
