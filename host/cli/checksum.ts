/**
 * `polyplug checksum`: takes files, gives their md5 and sha256 as lines for config.toml.
 * @module
 */
import { messageOf, PluginError } from "../../protocol/errors.ts";
import { type Sums, sumsOfFile } from "../checksum.ts";
import { answer, type CliContext, EXIT, tellError } from "./context.ts";
import { visible } from "../visible.ts";

/** Prints the sums of each file; one that cannot be read does not keep the others back. */
export async function checksum(context: CliContext, files: readonly string[]): Promise<number> {
  const results: (Sums & { readonly file: string })[] = [];
  const failures: PluginError[] = [];
  for (const file of files) {
    try {
      results.push({ file, ...await sumsOfFile(file) });
    } catch (error) {
      const hint = "Paths start at the folder that you are in";
      failures.push(new PluginError("verify.missing_file", `Cannot read the file "${file}": ${messageOf(error)}`, { hint, cause: error }));
    }
  }
  if (results.length > 0) {
    answer(
      context,
      results,
      () => results.flatMap(({ file, md5, sha256 }) => [`# ${visible(file)}`, `md5 = "${md5}"`, `sha256 = "${sha256}"`]),
    );
  }
  for (const failure of failures) tellError(context, failure);
  return failures.length > 0 ? EXIT.failed : EXIT.done;
}
