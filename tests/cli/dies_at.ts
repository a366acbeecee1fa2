/**
 * Changes the file that its first argument names, and kills itself at the step that the second one names: the change is `new` for the whole text.
 * @module
 */
import process from "node:process";
import { changeFile } from "../../host/cli/config_file.ts";

const [path = "", step = ""] = process.argv.slice(2);
await changeFile(path, () => "new\n".repeat(20_000), {
  onStep: (reached) => {
    if (reached === step) process.kill(process.pid, "SIGKILL");
  },
});
