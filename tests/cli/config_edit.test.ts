/**
 * Row B7, the edit: comments and layout stay byte for byte outside the change, in whichever way the file is written.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "smol-toml";
import { addPlugin, removePlugin } from "../../host/cli/config_edit.ts";

const TABLE = {
  exec: "node",
  exec_args: ["x.ts"],
  exec_file: 'a "quoted" \\ path\u007f',
  timeout: 1.5,
  stop: { term: 1 },
  env: { "A B": "c" },
};
const BLOCK = `[plugins.x]
exec = "node"
exec_args = [ "x.ts" ]
exec_file = "a \\"quoted\\" \\\\ path\\u007f"
timeout = 1.5

[plugins.x.stop]
term = 1

[plugins.x.env]
"A B" = "c"
`;

function add(text: string, hosts: readonly string[] = []): string {
  return addPlugin({ path: "config.toml", text }, { name: "x", table: TABLE, hosts });
}

function remove(text: string, name = "x"): string {
  return removePlugin({ path: "config.toml", text }, name);
}

/** Texts with the block of the plugin at `@` and its name in the list of the host `main` at `§`. */
const ADDED: Readonly<Record<string, string>> = {
  "an empty file": "@",
  "a file without a plugin": "# mine\n[meta]\nversion = '1'   # v\n\n@",
  "comments, blank lines and alignment": `# top
[settings]
debug   =   true

# about a
[plugins.a]   # a's
exec = 'a'\t# literal
  exec_args = [
    "one",   # first

    # last comment
  ]
max_payload = 1_000_000
d = 1979-05-27T07:32:00Z

[plugins.a.env]
X = """
multi # no comment
[plugins.z]
"""
# a's last words

@
#--- hosts ---
[hosts.main]
plugins = ["a"§]  # trailing


# the end
`,
  "Windows line endings": '# c\r\n[plugins.a]\r\nexec = "a"\r\n\r\n@\r\n[hosts.main]\r\nplugins = [ "a"§ ]\r\n',
  "a byte order mark": "\ufeff[plugins.a]\nexec = 'a'\n\n@\n[hosts.main]\nplugins=['a'§]\n",
  "tables without blank lines": "[plugins.a]\nexec = 'a'\n@[hosts.main]\nplugins = ['a'§]",
  "dotted keys": "plugins.a.exec = 'a'\nhosts.main.plugins = ['a'§]\n\n@",
  "one table of inline tables": "[plugins]\na = { exec = 'a' }\n\n@\n[hosts]\nmain = { plugins = ['a'§] } # m\n",
  "quoted keys and spaces": "[ plugins . \"a\" ]\nexec = 'a'\n\n@\n[\"hosts\".'main']\n\"plugins\" = ['a'§,]\n",
  "hosts first": "[hosts.main]\nplugins = ['a'§]\n\n[plugins.a]\nexec = 'a'\n# not for long\n\n@",
  "plugins in two places": "[plugins.a.env]\nX='1'\n[hosts.main]\nplugins=['a'§]\n[plugins.a]\nexec='a'\n\n@",
  "mixed line endings": "[plugins.a]\r\nexec = 'a'\n\r\n@\r\n[hosts.main]\nplugins = ['a'§\r\n]\n",
  "wide characters": "# 😀 日本\n[plugins.a]\nexec = '😀'\n\n@\n[hosts.main]\nplugins = ['a'§] # 😀\n",
};

for (const [name, marked] of Object.entries(ADDED)) {
  const newline = /\r?\n/.exec(marked)?.[0] ?? "\n";
  const hosts = marked.includes("§") ? ["main"] : [];
  const after = marked.replace("@", BLOCK.replaceAll("\n", newline)).replace("§", ', "x"');
  const gap = marked.includes("[plugins.a]\nexec = 'a'\n@") || marked.startsWith("@") ? "@" : new RegExp(`${newline}@`);
  const before = marked.replace(gap, "").replace("§", "");

  test(`B7: register() changes nothing but what it adds to ${name}`, () => assert.equal(add(before, hosts), after));
  test(`B7: unregister() is its inverse for ${name}`, () => assert.equal(remove(after), before));
}

/** Lists before and after. */
const LISTS: readonly (readonly [before: string, after: string])[] = [
  ["plugins = []", 'plugins = ["x"]'],
  ["plugins = [ ] # none", 'plugins = ["x" ] # none'],
  ["plugins = ['a','b']", "plugins = ['a','b', \"x\"]"],
  ["plugins = [\n  'a', # ay\n  'b'  # bee\n]", "plugins = [\n  'a', # ay\n  'b',  # bee\n  \"x\"\n]"],
  ["plugins = [\n\t'a',\n\t# more\n]", "plugins = [\n\t'a',\n\t\"x\",\n\t# more\n]"],
  ["plugins = [\n  # none yet\n]", 'plugins = [\n  # none yet\n  "x",\n]'],
  ["plugins = [\n  'a'\n  , # odd\n]", "plugins = [\n  'a'\n  , # odd\n  \"x\",\n]"],
  ["plugins = [\n  'a' ]", "plugins = [\n  'a',\n  \"x\" ]"],
  ["plugins = [ # of main\n  'a', 'b',\n]", "plugins = [ # of main\n  'a', 'b', \"x\",\n]"],
];

for (const [before, after] of LISTS) {
  test(`B7: the list ${JSON.stringify(before)} gets one name more, and loses it again`, () => {
    const [without, withIt] = [`[hosts.main]\n${before}\n`, `[hosts.main]\n${after}\n`];
    assert.equal(add(without, ["main"]), `${withIt}\n${BLOCK}`);
    assert.equal(remove(`${withIt}\n${BLOCK}`), without);
  });
}

test("B7: a host without a list gets one", () => {
  assert.equal(add("[hosts.main] # m\n", ["main"]), `[hosts.main] # m\nplugins = ["x"]\n\n${BLOCK}`);
});

/** What is left when the plugin `a` is removed. */
const REMOVED: readonly (readonly [before: string, after: string])[] = [
  ["# licence\n[plugins.a]\nexec='a'\n\n[plugins.b]\nexec='b'\n", "# licence\n\n[plugins.b]\nexec='b'\n"],
  [
    "# licence\n\n# about a\n[plugins.a] # a\nexec='a' # a\n# of a\n\n# about b\n[plugins.b]\nexec='b'\n",
    "# licence\n\n# about b\n[plugins.b]\nexec='b'\n",
  ],
  ["[plugins.a]\nexec='a'\n# about b\n[plugins.b]\nexec='b'\n", "# about b\n[plugins.b]\nexec='b'\n"],
  ["[plugins.a]\nexec='a'", ""],
  [
    "[plugins.b]\nexec='b'\n[plugins.a.env]\nx='1'\n[plugins.aa]\nexec='aa'\n[plugins.a]\nexec='a'",
    "[plugins.b]\nexec='b'\n[plugins.aa]\nexec='aa'\n",
  ],
  ["plugins = { a = { exec = 'a' }, b = { exec = 'b' } } # both\n", "plugins = { b = { exec = 'b' } } # both\n"],
  ["plugins = { b = { exec = 'b' }, a = { exec = 'a' } }\n", "plugins = { b = { exec = 'b' } }\n"],
  ["plugins.a.exec = 'a' # a\nplugins.a.env.x = '1'\nplugins.b.exec = 'b'\n", "plugins.b.exec = 'b'\n"],
  ["[plugins]\na.exec = 'a'\n# kept\nb.exec = 'b'\n", "[plugins]\n# kept\nb.exec = 'b'\n"],
  ["[plugins.a]\nexec = '''\n[plugins.b]\n'''\n[plugins.b]\nexec = 'b'\n", "[plugins.b]\nexec = 'b'\n"],
  [
    "[hosts.main]\nplugins = ['a', 'a', 'b', 'a']\n[plugins.a]\nexec='a'\n[plugins.b]\nexec='b'\n",
    "[hosts.main]\nplugins = ['b']\n[plugins.b]\nexec='b'\n",
  ],
];

for (const [before, after] of REMOVED) {
  test(`B7: unregister() takes a plugin out of ${JSON.stringify(before.slice(0, 60))}`, () => assert.equal(remove(before, "a"), after));
}

test("B7: a layout that cannot be kept is refused with the lines to write by hand", () => {
  const byHand = {
    code: "config.invalid",
    message: /Cannot add plugin "x" to "config\.toml" without rewriting/,
    hint: /by hand:\n\[plugins\.x\]\nexec = /,
  };
  assert.throws(() => add("plugins = { a = { exec = 'a' } }\n"), byHand);
  assert.throws(() => add("[hosts]\nmain = {}\n", ["main"]), byHand);
});

test("B7: broken TOML is refused as it is when it is read", () => {
  assert.throws(() => add("[plugins.a\n"), { code: "config.invalid", message: /line 1/ });
  assert.throws(() => remove("[plugins.a\n", "a"), { code: "config.invalid", message: /line 1/ });
});

const comment = fc.constantFrom("", "\n", "# c\n", "\n# c\n\n", "  # indented\n", "# [plugins.fake]\n", "\t\n");
const trailing = fc.constantFrom("", " # t", "\t# [x]");
const value = fc.constantFrom(
  "'a'",
  '"\\u0041"',
  "1_0",
  "[ 1, # one\n 2 ]",
  '"""\n[plugins.z]\n# no\n"""',
  "{ a = 1 }",
  "1979-05-27",
  "nan",
  "[]",
);
const pair = fc.tuple(fc.constantFrom("k", "  k", '"k"', "k . l"), value, trailing, comment).map(([key, held, end, after]) =>
  `${key} = ${held}${end}\n${after}`
);
const header = (path: string) => fc.tuple(comment, trailing, pair).map(([before, end, held]) => `${before}[${path}]${end}\n${held}`);
const list = fc.tuple(fc.constantFrom("['a']", "[\n 'a', # c\n]", "[ # c\n 'a'\n # d\n]", "[]", "[\n'a',\n\n'b']"), trailing)
  .map(([held, end]) => `[hosts.main]\nplugins = ${held}${end}\n`);
const document = fc.tuple(comment, fc.shuffledSubarray(["plugins.a", "plugins.b", "meta", "plugins.a.env", "other"]), list, fc.boolean())
  .chain(([top, paths, hosts, first]) =>
    fc.tuple(...paths.map(header)).map((tables) => top + (first ? hosts : "") + tables.join("") + (first ? "" : hosts))
  );

test("B7: register() and unregister() undo each other in generated files, and nothing that was there is lost", () => {
  fc.assert(
    fc.property(document, fc.boolean(), (unix, windows) => {
      const text = windows ? unix.replaceAll("\n", "\r\n") : unix;
      const added = add(text, ["main"]);
      assert.equal(remove(added), text);
      let seen = 0;
      for (const character of added.split("")) if (character === text[seen]) seen++;
      assert.equal(seen, text.length, "what was there is there, in its order");
      const { plugins = {} } = parse(added) as { plugins?: Record<string, unknown> };
      assert.deepEqual(JSON.parse(JSON.stringify(plugins["x"])), TABLE);
    }),
    { numRuns: 500 },
  );
});
