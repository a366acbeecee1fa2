/**
 * The least that a command can do: `polyplug list` is measured beside it.
 * @module
 */
console.log("one line");
