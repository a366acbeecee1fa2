/**
 * `node run.mjs NAME`: opens the peer in the folder of that name and has it race, as racer.ts says.
 *
 * A folder has host.mjs, which exports `open()` and is written as the library's own documentation has it, and plugin.mjs, its other side.
 * @module
 */
import process from "node:process";
import { answerOrders } from "../racer.ts";

const { open } = await import(`./${process.argv[2]}/host.mjs`);
const { call, close } = await open();
await answerOrders({ peer: call });
await close();
process.exit();
