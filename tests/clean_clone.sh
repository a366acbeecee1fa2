#!/usr/bin/env bash
# Takes a task (demo, test, check; default demo) and runs it as a stranger would: a fresh clone of the last commit, an empty HOME, and
# a PATH that holds node, npm, git and sh alone. Prints the time it took and its exit code. For developers; not part of the suite.
set -euo pipefail

task=${1:-demo}
project=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/home" "$work/bin"

# env: npm and npx are scripts that start by it.
for program in node npm npx git sh env; do
  ln -s "$(command -v "$program")" "$work/bin/$program"
done
git clone --quiet "$project" "$work/clone"
cd "$work/clone"

code=0
SECONDS=0
env -u DENO_DIR -u XDG_CACHE_HOME -u npm_config_cache -u NPM_CONFIG_CACHE HOME="$work/home" PATH="$work/bin" npx -y deno task "$task" || code=$?
echo "clean clone: deno task $task took $SECONDS s and ended with exit code $code"
exit "$code"
