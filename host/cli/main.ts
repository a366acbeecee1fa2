#!/usr/bin/env node
/**
 * The command line: takes arguments, loads the one command that they ask for, gives its exit code.
 * @module
 */
import process from "node:process";
import { Command, CommanderError } from "commander";
import { isPluginError } from "../../protocol/errors.ts";
import type { AtOptions } from "./at.ts";
import { type CliContext, type CliIo, type CliOutput, EXIT, type GlobalOptions, type Interrupt, tellError, usageError } from "./context.ts";
import type { ConformCommandOptions } from "./conform.ts";
import type { ExecOptions } from "./exec.ts";
import { watchInterrupts } from "./interrupt.ts";
import type { RegisterOptions } from "./register.ts";
import type { RunOptions } from "./run.ts";
import type { TryOptions } from "./try.ts";
import type { TypesOptions } from "./types.ts";

export type { CliIo, CliOutput };

/**
 * Runs one command and gives its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. Never throws.
 *
 * @example
 * ```ts
 * import { main } from "@polyplug/core/cli";
 *
 * process.exitCode = await main(["list", "--config", "config.toml"]);
 * ```
 */
export async function main(args: readonly string[], io: CliIo = process): Promise<number> {
  const interrupt = watchInterrupts();
  try {
    return await runCommand(args, io, interrupt);
  } finally {
    interrupt.end();
  }
}

async function runCommand(args: readonly string[], io: CliIo, interrupt: Interrupt): Promise<number> {
  const program = createProgram();
  let code: number = EXIT.done;
  // What is asked of the program before its options are read has those that stand there.
  const context = (): CliContext => ({ io, interrupt, options: program.opts<GlobalOptions>() });
  addCommands(program, async (run) => void (code = await run(context())));
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: () => {} });
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return interrupt.signal.aborted ? EXIT.interrupted : code;
  } catch (error) {
    if (interrupt.signal.aborted) return EXIT.interrupted;
    const command = program.commands.map((each) => each.name()).find((name) => args.includes(name));
    return failed(context(), error, command === undefined ? "polyplug --help" : `polyplug ${command} --help`);
  }
}

function failed(context: CliContext, error: unknown, help: string): number {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done; // It was asked for help.
  const told = error instanceof CommanderError ? usageFrom(error, help) : error;
  tellError(context, told);
  return isPluginError(told) && told.code === "cli.usage" ? EXIT.usage : EXIT.failed;
}

function usageFrom({ code, message }: CommanderError, help: string): unknown {
  if (code === "commander.help") return usageError("A command is missing", `${help} lists them`);
  const [what = "", ...more] = message.replace(/^error: /, "").split("\n");
  const said = what.charAt(0).toUpperCase() + what.slice(1);
  return usageError(said, [...more.map((line) => line.replace(/^\((.*)\)$/, "$1")), `${help} shows what there is`].join("; "));
}

function createProgram(): Command {
  return new Command("polyplug")
    .description("Finds, checks, starts and calls the plugins of a configuration.")
    .option("--config <file>", "the configuration; default: $GOPLUGIN_DIR, else ~/.goplugin/config.toml")
    .option("--host <name>", "the host whose plugins are meant; may be left out when there is one")
    .option("--json", "answer, and errors, as JSON")
    .option("--debug", "what plugins write while they start, and stacks with errors")
    .helpOption("-h, --help", "show this")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", EXAMPLES.program ?? "");
}

/** Loads a command's file and runs it. */
type Run = (context: CliContext) => Promise<number>;

function addCommands(program: Command, start: (run: Run) => Promise<void>): void {
  const add = (usage: string, description: string): Command => {
    const command = program.command(usage).description(description);
    return command.helpOption("-h, --help", "show this").addHelpText("after", EXAMPLES[command.name()] ?? "");
  };
  const withAt = (command: Command): Command =>
    command
      .option("--at <address>", "a program that already runs: http://127.0.0.1:PORT or unix:/PATH")
      .option("--type <type>", "with --at: what it speaks, rest, grpc, connect or socket (default: rest)")
      .option("--dialect <dialect>", "with --at: seed or goplugin-1 (default: as it says, else seed)")
      .option("--token-file <file>", "with --at: a file that holds the program's token");

  add("list", "list the host's plugins").action(() => start(async (context) => (await import("./list.ts")).list(context)));
  add("check", "check the configuration and every file it names; start nothing")
    .action(() => start(async (context) => (await import("./check.ts")).check(context)));
  withAt(add("ping [name...]", "start plugins, ping them and stop them"))
    .action((names: string[], options: AtOptions) => start(async (context) => (await import("./ping.ts")).ping(context, names, options)));
  withAt(add("exec [arguments...]", "send one command to a plugin and write its answer"))
    .usage("NAME COMMAND [PAYLOAD] [options]\n       polyplug exec --at ADDRESS COMMAND [PAYLOAD] [options]")
    .option("--file <file>", "the payload is this file; PAYLOAD - is stdin")
    .option("--hex <hex>", "the payload is these bytes")
    .option("--as <form>", "write the answer as hex or json; default: its bytes")
    .option("--stream", "the answer comes in parts: write each as it comes")
    .action((args: string[], options: ExecOptions) => start(async (context) => (await import("./exec.ts")).exec(context, args, options)));
  add("run [name...]", "start plugins, watch over them and show what they write, until Ctrl-C; SIGHUP reloads what was configured anew")
    .option("--watch", "reload a plugin when its files or its table are saved; its checksum is not applied then")
    .action((names: string[], options: RunOptions) => start(async (context) => (await import("./run.ts")).run(context, names, options)));
  withAt(add("conform [name]", "check a plugin against the contract, and say what its author should change"))
    .option("--level <level>", "core: what every host needs; full: all that the plugin lists (default: core)")
    .option("--echo <command>", "a command that gives back its payload (default: hello.echo)")
    .action((name: string | undefined, options: ConformCommandOptions) =>
      start(async (context) => (await import("./conform.ts")).conform(context, name, options))
    );
  add("try [command...]", "start a plugin under development, check it, take commands for it, start it again when a file changes")
    .usage("[options] -- COMMAND...")
    .option("--type <type>", "what the plugin speaks, rest, grpc, connect or stdio (default: rest)")
    .option("--dialect <dialect>", "how it writes payloads on grpc and connect, seed or goplugin-1 (default: as it says, else seed)")
    .option("--echo <command>", "a command that gives back its payload (default: hello.echo)")
    .configureHelp({ showGlobalOptions: true, visibleGlobalOptions: () => program.options.filter(({ long }) => long === "--debug") })
    .action((command: string[], options: TryOptions) =>
      start(async (context) => (await import("./try.ts")).tryPlugin(context, command, options))
    );
  withAt(add("types [name]", "write a plugin's commands as a TypeScript contract, from the JSON Schemas that it tells"))
    .option("--out <file>", "write it to this file, in place of an earlier one; default: stdout")
    .action((name: string | undefined, options: TypesOptions) =>
      start(async (context) => (await import("./types.ts")).types(context, name, options))
    );
  add("checksum <file...>", "print md5 and sha256 of files, as lines for the configuration")
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: () => program.options.filter(({ long }) => long === "--json" || long === "--debug"),
    })
    .action((files: string[]) => start(async (context) => (await import("./checksum.ts")).checksum(context, files)));
  add("register <dir>", "add the plugin in a folder, by its goplugin.toml, to the configuration")
    .option("--grant", "also write what the plugin asks for: hosts, grants, permissions, variables")
    .action((directory: string, options: RegisterOptions) =>
      start(async (context) => (await import("./register.ts")).register(context, directory, options))
    );
  add("unregister <name>", "remove a plugin from the configuration; its files stay")
    .action((name: string) => start(async (context) => (await import("./unregister.ts")).unregister(context, name)));
}

const EXAMPLES: Readonly<Record<string, string | undefined>> = {
  program: "\nExample:\n  polyplug exec hello hello.echo 'good morning'",
  list: "\nExample:\n  polyplug list --config examples/hello/config.toml",
  check: "\nExample:\n  polyplug check && polyplug run",
  ping: "\nExamples:\n  polyplug ping hello other\n  polyplug ping --at http://127.0.0.1:8080",
  exec: "\nExamples:\n  polyplug exec hello hello.echo 'good morning'\n  polyplug exec hello hello.echo - < photo.jpg > copy.jpg\n" +
    "  polyplug exec hello hello.echo --hex 00ff --as hex\n  polyplug exec --at http://127.0.0.1:8080 hello.echo hi",
  run: "\nExamples:\n  polyplug run hello\n  polyplug run --watch",
  conform: "\nExamples:\n  polyplug conform hello --level full\n  polyplug conform --at http://127.0.0.1:8080 --type grpc --echo demo.echo",
  try: "\nExamples:\n  polyplug try -- deno run -A plugin.ts\n  polyplug try --type grpc -- ./plugin",
  types: "\nExamples:\n  polyplug types tables --out tables.ts\n  polyplug types --at http://127.0.0.1:8080 > tables.ts",
  checksum: "\nExample:\n  polyplug checksum plugin.ts",
  register: "\nExample:\n  polyplug register plugins/hello --grant",
  unregister: "\nExample:\n  polyplug unregister hello",
};

/** A reader that has seen enough (`| head`) ends the command as Ctrl-C does. */
function endWithReader(): void {
  for (const output of [process.stdout, process.stderr]) {
    output.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EIO") return; // The terminal was closed, of which SIGHUP tells.
      if (error.code !== "EPIPE") throw error;
      process.kill(process.pid, "SIGTERM");
    });
  }
}

if (import.meta.main) {
  endWithReader();
  const { stdout, stderr } = process;
  let readsStdin = false;
  const io: CliIo = {
    stdout,
    stderr,
    get stdin() { // Asked for late: making it takes time.
      readsStdin = true;
      return process.stdin;
    },
  };
  const code = await main(process.argv.slice(2), io);
  process.exitCode = code;
  const leavesStdin = readsStdin && process.stdin.destroyed && !process.stdin.readableEnded;
  // A read of stdin that nobody waits for any more would keep the process.
  if (code === EXIT.interrupted || leavesStdin) stdout.write("", () => stderr.write("", () => process.exit(code)));
}
