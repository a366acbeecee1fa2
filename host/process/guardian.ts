/**
 * What ends a host's plugins when the host cannot: takes process groups and socket files, gives one shell that outlives the host.
 *
 * The shell reads lines, `+what` and `-what`, from a pipe whose other end the host alone has. It waits in `read` and costs nothing until
 * the pipe ends, as it does however the host ends; then it ends the groups that are left, removes the files, and exits. Where there is no
 * `/bin/sh`, as on Windows, there is no guardian: plugins outlive a host that was killed unless they watch their stdin.
 * @module
 */
import { type Shell, startShell } from "./spawn.ts";

/** What is to go with the host: a process group, or a plugin's socket and the folder that holds nothing else. */
export type Charge = `group ${number}` | `socket ${string}`;

/** A terminal's signals, and those that end a service, are for the host; the guardian ends when the host has. */
const SCRIPT = `
trap '' INT TERM HUP
while IFS= read -r line; do
  case $line in
    +*) set -- "$@" "\${line#+}" ;;
    -*) for each do
          shift
          [ "$each" = "\${line#-}" ] || set -- "$@" "$each"
        done ;;
  esac
done

# send SIGNAL CHARGE...: succeeds when one of the groups is there. dash knows a group in no other spelling.
send() {
  signal=$1 result=1
  shift
  for each do
    case $each in
      'group '*) kill -s "$signal" -- "-\${each#group }" && result=0 ;;
    esac
  done
  return $result
}
# wait_for_end FIFTHS CHARGE...: succeeds after so many fifths of a second, fails as soon as nobody is there.
wait_for_end() {
  left=$1
  shift
  while [ "$left" -gt 0 ]; do
    send 0 "$@" || return
    sleep 0.2 || { sleep 1; return 0; } # Not every sleep knows fractions.
    left=$((left - 1))
  done
}
# The end of the host was the end of their stdin. Whoever ends for that, as a plugin of ours does once it has started, may clean up;
# and all of it is over well within two seconds.
wait_for_end 4 "$@" && send TERM "$@" && wait_for_end 2 "$@" && send KILL "$@"

for each do
  case $each in
    'socket '*)
      file=\${each#socket }
      [ -S "$file" ] && [ ! -L "$file" ] && rm -f -- "$file"
      rmdir -- "\${file%/*}" ;;
  esac
done
`;

/** A guardian that dies younger than this was not killed by somebody, but cannot live here. */
const YOUNG_MS = 1000;
const MOST_YOUNG_DEATHS = 5;
/** How long `close` waits for its end. */
const CLOSE_MS = 1000;

/** The guardian of one host. It is started by its first charge, and again when somebody kills it. */
export class Guardian {
  readonly #name: string;
  readonly #charges = new Set<Charge>();
  #shell: Shell | undefined;
  #youngDeaths = 0;
  #closed = false;

  /** The name is what a list of processes shows. */
  constructor(host: string) {
    this.#name = `polyplug-guardian:${host}`;
  }

  /** Starts it if it does not run; `false` where there can be none. */
  start(): boolean {
    this.#shell ??= this.#begin();
    return this.#shell !== undefined;
  }

  /** Resolves when the guardian will see to it, even if the host dies at this moment; or at once where there is none. */
  async add(charge: Charge): Promise<void> {
    this.#charges.add(charge);
    while (this.start()) {
      const shell = this.#shell;
      // A shell that was begun by this call hears it twice, which is as good as once.
      if (shell === undefined || await shell.write(`+${charge}`)) return;
      await shell.exited; // Somebody killed it; by now another has been told everything.
    }
  }

  /** It has gone by itself. */
  remove(charge: Charge): void {
    if (this.#charges.delete(charge)) void this.#shell?.write(`-${charge}`);
  }

  /** Lets the guardian go; without a charge left it does nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    const shell = this.#shell;
    if (shell === undefined) return;
    shell.end();
    let timer: ReturnType<typeof setTimeout> | undefined;
    // Also what keeps the application until then: the shell itself does not.
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE_MS));
    await Promise.race([shell.exited, late]);
    clearTimeout(timer);
  }

  #begin(): Shell | undefined {
    if (this.#closed || this.#youngDeaths >= MOST_YOUNG_DEATHS) return undefined;
    const shell = startShell(SCRIPT, this.#name);
    if (shell === undefined) return undefined;
    const startedAt = performance.now();
    for (const charge of this.#charges) void shell.write(`+${charge}`);
    void shell.exited.then(() => {
      this.#shell = undefined;
      this.#youngDeaths = performance.now() - startedAt < YOUNG_MS ? this.#youngDeaths + 1 : 0;
      if (this.#charges.size > 0) this.start();
    });
    return shell;
  }
}
