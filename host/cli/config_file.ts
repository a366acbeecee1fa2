/**
 * Takes a file and an edit of its text, replaces the file by rename: at every moment there is the old text or the new one, whole.
 * One change at a time: who comes second waits, and edits what the first has left.
 * @module
 */
import { type FileHandle, open, readFile, readlink, realpath, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { messageOf, PluginError } from "../../protocol/errors.ts";

/** The moments at which a change may be cut off, in their order. */
export const STEPS = ["locked", "read", "created", "written", "synced", "compared", "renamed", "folder synced", "unlocked"] as const;
/** One of them. */
export type Step = typeof STEPS[number];

/** Options of `changeFile`. */
export interface ChangeOptions {
  /** Called after each step; for tests that end the process there. */
  readonly onStep?: (step: Step) => void;
  /** How long to wait for another change, in milliseconds; default 10 000. */
  readonly waitMs?: number;
}

const PAUSE_MS = 20;
const DEFAULT_WAIT_MS = 10_000;
/** Somebody who saves the file again and again is not waited for. */
const MOST_TRIES = 5;

/**
 * Changes a file. A symbolic link stays one, and what it leads to is replaced; mode and owner stay.
 * @throws {PluginError} "config.not_written", and the file is as it was; or what `edit` throws.
 */
export async function changeFile(
  path: string,
  edit: (text: string) => string | Promise<string>,
  options: ChangeOptions = {},
): Promise<void> {
  const target = await guarded(path, () => realpath(path));
  const onStep = options.onStep ?? (() => {});
  const unlock = await lock(target, options.waitMs ?? DEFAULT_WAIT_MS);
  onStep("locked");
  try {
    for (let tries = 1; !(await tryChange(target, edit, onStep)); tries++) {
      if (tries === MOST_TRIES) throw notWritten(target, "another program keeps changing it", "Close it there and try again");
    }
  } finally {
    await unlock();
  }
  onStep("unlocked");
}

/** One try; false when somebody else has changed the file meanwhile. */
async function tryChange(target: string, edit: (text: string) => string | Promise<string>, onStep: (step: Step) => void): Promise<boolean> {
  const before = await guarded(target, () => readFile(target));
  onStep("read");
  const text = await edit(textFrom(target, before));
  const fresh = `${target}.new`;
  try {
    return await guarded(target, async () => {
      await writeFresh(fresh, target, text, onStep);
      if (!before.equals(await readFile(target))) return false;
      onStep("compared");
      await rename(fresh, target);
      onStep("renamed");
      await syncFolder(dirname(target));
      onStep("folder synced");
      return true;
    });
  } finally {
    await rm(fresh, { force: true });
  }
}

/** Writes the new text beside the file; one that a killed process has left there is removed. */
async function writeFresh(fresh: string, target: string, text: string, onStep: (step: Step) => void): Promise<void> {
  const { mode, uid, gid } = await stat(target);
  await rm(fresh, { force: true });
  const file = await open(fresh, "wx", 0o600);
  try {
    onStep("created");
    const own = await file.stat();
    if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid);
    await file.chmod(mode & 0o7777);
    await file.writeFile(text);
    onStep("written");
    await file.sync();
    onStep("synced");
  } finally {
    await file.close();
  }
}

/** Makes the rename last over a power failure, where the system lets folders be opened. */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, "r");
    await handle.sync();
  } catch {
    // The file is replaced all the same.
  } finally {
    await handle?.close();
  }
}

/** Takes the lock, a link that says who has it: made in one step, and told from one that a killed process has left. */
async function lock(target: string, waitMs: number): Promise<() => Promise<void>> {
  const path = `${target}.lock`;
  const own = `${process.pid}-${crypto.randomUUID()}`;
  const deadline = performance.now() + waitMs;
  for (;;) {
    if (await makeLink(own, path, target)) return async () => await removeOwn(path, own);
    const holder = await readlink(path).catch(() => undefined);
    if (holder !== undefined && !isAlive(holder)) await removeStale(path, holder);
    else if (performance.now() > deadline) {
      const pid = holder?.split("-", 1)[0] ?? "unknown";
      throw notWritten(
        target,
        `another polyplug, process ${pid}, is changing it`,
        `Try again; if there is no such process, remove "${path}"`,
      );
    } else await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function makeLink(own: string, path: string, target: string): Promise<boolean> {
  try {
    await symlink(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw notWritten(target, messageOf(error), "Check who may write in its folder", error);
  }
}

function isAlive(holder: string): boolean {
  try {
    process.kill(Number(holder.split("-", 1)[0]), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // It lives, and is another user's.
  }
}

/** Moves the link away before it is removed: of two who find it stale, one gets it, and a fresh one is put back. */
async function removeStale(path: string, holder: string): Promise<void> {
  const aside = `${path}-${crypto.randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return; // The other one was first.
  }
  if (await readlink(aside) === holder) await rm(aside, { force: true });
  else await rename(aside, path);
}

async function removeOwn(path: string, own: string): Promise<void> {
  if (await readlink(path).catch(() => undefined) === own) await rm(path, { force: true });
}

function textFrom(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new PluginError("config.invalid", `The configuration "${path}" is not UTF-8 text`, { cause: error });
  }
}

async function guarded<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw notWritten(path, messageOf(error), "It is as it was; check who may write it and its folder, and the space on the disk", error);
  }
}

function notWritten(path: string, why: string, hint: string, cause?: unknown): PluginError {
  return new PluginError("config.not_written", `Cannot change "${path}": ${why}`, { hint, cause });
}
