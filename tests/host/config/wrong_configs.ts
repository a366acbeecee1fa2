/**
 * Wrong configurations and everything that is wrong with them: the data of wrong.test.ts.
 * @module
 */

/** A configuration, and all its findings: the key's path, and what its message has in it. */
export interface Wrong {
  readonly title: string;
  readonly toml: string;
  readonly findings: readonly (readonly [path: string, fragment: string])[];
}

const a = '[plugins.a]\nexec = "./a"\n';
const SECONDS = "must be a number of seconds, 0 or more";
const PORT = "must be an integer from 0 to 65535";
const NAME = "must be named with 1 to 64";

/** Wrong configurations, a few faults of one kind each. */
export const WRONG: readonly Wrong[] = [
  { title: "no command", toml: "[plugins.a]", findings: [["plugins.a.exec", "is missing"]] },
  {
    title: "a bare command without exec_file",
    toml: '[plugins.a]\nexec = "python3"\n[plugins.b]\nexec = "node"',
    findings: [["plugins.a.exec_file", '"python3" is looked up on PATH'], ["plugins.b.exec_file", '"node" is looked up on PATH']],
  },
  {
    title: "a command that is no text",
    toml: '[plugins.a]\nexec = 3\n[plugins.b]\nexec = ""\n[plugins.c]\nexec = ["./c"]',
    findings: [
      ["plugins.a.exec", "must be a string, not 3"],
      ["plugins.b.exec", 'must not be empty, not ""'],
      ["plugins.c.exec", 'must be a string, not ["./c"]'],
    ],
  },
  {
    title: "lists that are none, or have something else in them",
    toml: `${a}exec_args = "--port 80"\nfiles = ["x", 1]\nfeatures = [true]\nenv_inherit = {}`,
    findings: [
      ["plugins.a.exec_args", 'must be a list of strings, not "--port 80"'],
      ["plugins.a.files.1", "must be a string, not 1"],
      ["plugins.a.features.0", "must be a string, not true"],
      ["plugins.a.env_inherit", "must be a list of strings, not {}"],
    ],
  },
  {
    title: "checksums of the wrong length or alphabet",
    toml: `${a}md5 = "d194"\nsha256 = "${"z".repeat(64)}"\n[plugins.b]\nexec = "./b"\nmd5 = 1`,
    findings: [
      ["plugins.a.md5", "must be 32 hex digits"],
      ["plugins.a.sha256", "must be 64 hex digits"],
      ["plugins.b.md5", "must be 32 hex digits, not 1"],
    ],
  },
  {
    title: "times that no timer can hold",
    toml: `${a}exec_time = 3000000\ntimeout = 1e300`,
    findings: [["plugins.a.exec_time", "must be at most 2147483 seconds"], ["plugins.a.timeout", "must be at most 2147483 seconds"]],
  },
  {
    title: "ports out of range",
    toml: ["65536", "-1", "-0.5", '"http"', '"99999"', "true", "2024-01-01", "[80]"]
      .map((port, index) => `[plugins.p${index}]\nexec = "./a"\ncomm_port = ${port}`).join("\n"),
    findings: Array.from({ length: 8 }, (_, index) => [`plugins.p${index}.comm_port`, PORT] as const),
  },
  {
    title: "times that are none",
    toml: `${a}exec_time = -1\nstart_timeout = 0\ntimeout = inf\nping_interval = "5"\nping_timeout = nan\nidle_time = -inf\ntick = true`,
    findings: [
      ["plugins.a.exec_time", `${SECONDS}, not -1`],
      ["plugins.a.start_timeout", "must be more than 0 seconds, not 0"],
      ["plugins.a.timeout", `${SECONDS}, not Infinity`],
      ["plugins.a.ping_interval", `${SECONDS}, not "5"`],
      ["plugins.a.ping_timeout", `${SECONDS}, not NaN`],
      ["plugins.a.idle_time", `${SECONDS}, not -Infinity`],
      ["plugins.a.tick", `${SECONDS}, not true`],
    ],
  },
  {
    title: "no deadline at all",
    toml: `${a}timeout = 0\nping_timeout = 0`,
    findings: [["plugins.a.timeout", "more than 0"], ["plugins.a.ping_timeout", "more than 0"]],
  },
  {
    title: "a wire and a dialect that are none",
    toml: `${a}comm_type = 3\ndialect = "goplugin"`,
    findings: [["plugins.a.comm_type", "must be a string, not 3"], ["plugins.a.dialect", 'must be "seed" or "goplugin-1"']],
  },
  {
    title: "addresses where nothing can listen",
    toml: [
      "http://127.0.0.1",
      "https://127.0.0.1:1",
      "http://127.0.0.1:99999",
      "http://127.0.0.1:0",
      "unix:run/a",
      "127.0.0.1:80",
      "http://:80",
    ]
      .map((address, index) => `[plugins.p${index}]\nexec = "./a"\naddress = "${address}"`).join("\n"),
    findings: Array.from({ length: 7 }, (_, index) => [`plugins.p${index}.address`, "must be an http URL with a port"] as const),
  },
  {
    title: "attach to no address",
    toml: '[plugins.a]\nattach = true\n[plugins.b]\nattach = "http://127.0.0.1"',
    findings: [["plugins.a.attach", "must be an http URL"], ["plugins.b.attach", "must be an http URL"]],
  },
  {
    title: "an address for what has none",
    toml: `${a}comm_type = "stdio"\naddress = "http://127.0.0.1:1"\n[plugins.b]\nattach = "unix:/b"\ncomm_type = "stdio"`,
    findings: [["plugins.a.address", 'comm_type = "stdio"'], ["plugins.b.attach", 'comm_type = "stdio"']],
  },
  {
    title: "an environment that is no table of strings",
    toml: `${a}env = { PORT = 80, OK = "yes" }\n[plugins.b]\nexec = "./b"\nenv = ["A=1"]`,
    findings: [["plugins.a.env.PORT", "must be a string, not 80"], ["plugins.b.env", 'must be a table of strings, not ["A=1"]']],
  },
  {
    title: "tables inside a plugin's",
    toml: `${a}stop = 5\nrestart = { max = 1.5, window = "60" }\nconfig = 3\npermissions = "all"\nevents = true\ngrants = []`,
    findings: [
      ["plugins.a.config", "must be a table or a string, not 3"],
      ["plugins.a.restart.max", "must be a whole number, 0 or more, not 1.5"],
      ["plugins.a.restart.window", `${SECONDS}, not "60"`],
      ["plugins.a.stop", "must be a table, not 5"],
      ["plugins.a.events", "must be a table, not true"],
      ["plugins.a.grants", "must be a table, not []"],
      ["plugins.a.permissions", 'must be a table, not "all"'],
    ],
  },
  {
    title: "counts that are none",
    toml: `${a}max_payload = 0\nmax_concurrent = 1.5\nrestart = { max = -1 }`,
    findings: [
      ["plugins.a.max_payload", "must be a whole number, 1 or more, not 0"],
      ["plugins.a.max_concurrent", "must be a whole number, 1 or more, not 1.5"],
      ["plugins.a.restart.max", "must be a whole number, 0 or more, not -1"],
    ],
  },
  {
    title: "switches that are none",
    toml: `${a}enabled = "yes"\ndaemon = 1\nsocket = "off"`,
    findings: [
      ["plugins.a.socket", 'must be true or false, not "off"'],
      ["plugins.a.daemon", "must be true or false, not 1"],
      ["plugins.a.enabled", 'must be true or false, not "yes"'],
    ],
  },
  {
    title: "capabilities, roles and versions",
    toml: `${a}provides = ["store@1", "store@1.2.0"]\nrole = ""\napi = 2`,
    findings: [
      ["plugins.a.api", "must be a string, not 2"],
      ["plugins.a.provides.0", 'must have the form "name@1.2.3", not "store@1"'],
      ["plugins.a.role", "must not be empty"],
    ],
  },
  {
    title: "events",
    toml: `${a}events = { overflow = "panic", queue = 0 }\n[events]\nown = 1\ndurable = "all"`,
    findings: [
      ["events.durable", "must be a list of strings"],
      ["events.own", "must be true or false"],
      ["plugins.a.events.queue", "must be a whole number"],
      ["plugins.a.events.overflow", 'must be "drop-oldest", "drop-newest" or "block", not "panic"'],
    ],
  },
  {
    title: "grants",
    toml: `${a}[plugins.a.grants]\nservices = "kv.*"\npublish = [1]\nplugins = { b = "sign" }`,
    findings: [
      ["plugins.a.grants.services", 'must be a list of strings, not "kv.*"'],
      ["plugins.a.grants.publish.0", "must be a string, not 1"],
      ["plugins.a.grants.plugins.b", 'must be a list of strings, not "sign"'],
    ],
  },
  {
    title: "hosts that list what is not there",
    toml: `${a}[hosts.h]\nplugins = ["a", "b", "A"]\n[hosts.g]\nplugins = "a"\n[hosts.f]\nplugins = [1]`,
    findings: [
      ["hosts.g.plugins", 'must be a list of strings, not "a"'],
      ["hosts.f.plugins.0", "must be a string, not 1"],
      ["hosts.h.plugins", 'names "b", which is not among the plugins: a'],
      ["hosts.h.plugins", 'names "A", which is not among the plugins: a'],
    ],
  },
  {
    title: "a host where there are no plugins",
    toml: '[hosts.h]\nplugins = ["a"]',
    findings: [["hosts.h.plugins", 'names "a", which is not among the plugins: there are none']],
  },
  {
    title: "a host that lists something unknown and something that is no name",
    toml: `${a}[hosts.h]\nplugins = ["b", 1]`,
    findings: [["hosts.h.plugins.1", "must be a string, not 1"], ["hosts.h.plugins", 'names "b"']],
  },
  {
    title: "names that differ in case alone",
    toml: '[plugins.Hello]\nexec = "./a"\n[plugins.hello]\nexec = "./b"\n[hosts.h]\n[hosts.H]',
    findings: [["plugins.hello", 'differs from "Hello" in upper and lower case alone'], ["hosts.H", 'differs from "h"']],
  },
  {
    title: "names that differ in case alone, the first with a fault of its own",
    toml: '[plugins.Hello]\nexec = 3\n[plugins.hello]\nexec = "./b"',
    findings: [["plugins.Hello.exec", "must be a string"], ["plugins.hello", 'differs from "Hello"']],
  },
  {
    title: "names that are none",
    toml: ["nul", "_a", "-a", '".."', '"a/b"', '"a b"', '""', `"${"x".repeat(65)}"`]
      .map((name) => `[plugins.${name}]\nexec = "./a"`).join("\n") + "\n[hosts.COM1]",
    findings: [
      ...["nul", "_a", "-a", "..", "a/b", "a b", "", "x".repeat(65)].map((name) => [`plugins.${name}`, NAME] as const),
      ["hosts.COM1", NAME],
    ],
  },
  {
    title: "values where tables must be",
    toml: 'plugins = 3\nhosts = []\nmeta = "m"\nsettings = 2024-01-01\nevents = false',
    findings: [
      ["meta", 'must be a table, not "m"'],
      ["events", "must be a table, not false"],
      ["settings", "must be a table, not"],
      ["plugins", "must be a table of tables, not 3"],
      ["hosts", "must be a table of tables, not []"],
    ],
  },
  {
    title: "plugins and hosts that are no tables",
    toml: 'plugins.a = "./a"\nhosts.h = ["a"]\n[[plugins.b]]\nexec = "./b"',
    findings: [
      ["plugins.a", 'must be a table, not "./a"'],
      ["plugins.b", "must be a table, not ["],
      ["hosts.h", 'must be a table, not ["a"]'],
    ],
  },
  {
    title: "settings and information",
    toml: '[settings]\ndebug = "on"\nallow_unverified = 1\nstate_dir = ""\n[meta]\nversion = 1\nauthor = ["A"]\ncontributors = "B"',
    findings: [
      ["meta.version", "must be a string, not 1"],
      ["meta.author", 'must be a string, not ["A"]'],
      ["meta.contributors", 'must be a list of strings, not "B"'],
      ["settings.debug", 'must be true or false, not "on"'],
      ["settings.allow_unverified", "must be true or false, not 1"],
      ["settings.state_dir", "must not be empty"],
    ],
  },
  {
    title: "a wrong key and a missing one in the same plugin",
    toml: '[plugins.a]\ncomm_port = 70000\n[plugins.b]\nexec = "node"\ntimeout = "1"',
    findings: [
      ["plugins.a.comm_port", `${PORT}, not 70000`],
      ["plugins.b.timeout", `${SECONDS}, not "1"`],
      ["plugins.a.exec", "is missing"],
      ["plugins.b.exec_file", "is missing"],
    ],
  },
];
