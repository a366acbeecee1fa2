/**
 * The contract's sample and a configuration with every key: the data of parse.test.ts.
 * @module
 */

/** The sample of the contract as it is printed there: the second contributor's quote is not closed. */
export const PRINTED = `
[meta]
version = "1.0.0"
author = "author|author@test.com"
contributors = [
    "a|a@test.com",
    "b|b@test.com
]

# global configurations
[settings]
debug = true 

[plugins]

    [plugins.name_1]
    author = "author_1|author_1@gmail.com"
    md5 = "d194b7bad208c2ddfa0ef597fd4abcc5"
    exec = "/path/to/exec"
    exec_args = ["--port", "8080"]
    exec_file = "/path/to/exec"
    exec_time = 5
    comm_type = "grpc"
    comm_port = "8080"
    
    [plugins.name_2]
    author = "author_2|author_2@gmail.com"
    md5 = "d194b7bad208c2ddfa0ef597fd4abcc5"
    exec = "/path/to/exec"
    exec_args = ["--port", "8080"]
    exec_file = "/path/to/exec"
    exec_time = 10
    comm_type = "rest"
    comm_port = "8081"
    
    [plugins.name_3]
    author = "author_3|author_3@gmail.com"
    md5 = "d194b7bad208c2ddfa0ef597fd4abcc5"
    exec = "/path/to/exec"
    exec_args = ["--port", "8080"]
    exec_file = "/path/to/exec"
    exec_time = 20
    comm_type = "nano"
    comm_port = "8082"

[hosts]

    [hosts.host_1]
    plugins = ["name_1", "name_2"]
    
    [hosts.host_2]
    plugins = ["name_3"]
`;

/** The sha256 in `EVERY_KEY`. */
export const SHA256 = "0123456789abcdef".repeat(4);

/** Every key of CONFIG_AND_CLI.md, none with its default. */
export const EVERY_KEY = `
[meta]
version = "2.0.0"
author = "A"
contributors = ["B", "C"]

[settings]
debug = true
allow_unverified = true
state_dir = "var/state"

[plugins.all]
author = "A"
md5 = "D194B7BAD208C2DDFA0EF597FD4ABCC5"
sha256 = "${SHA256}"
exec = "python3"
exec_args = ["main.py", "--port", "8080"]
exec_file = "main.py"
files = ["lib/**", "*.json"]
exec_time = 12.5
start_timeout = 0.5
comm_type = "connect"
comm_port = "8081"
address = "http://127.0.0.1:8082"
socket = false
dialect = "goplugin-1"
features = ["raw"]
cwd = "work"
env = { MODE = "fast", SECRET = "env://SECRET" }
env_inherit = ["HTTP_PROXY"]
config = { depth = { deeper = 1 } }
timeout = 1.5
max_payload = 1024
max_concurrent = 2
ping_interval = 1
ping_timeout = 0.25
restart = { max = 0, window = 30, min_delay = 0.2, max_delay = 2.5 }
stop = { shutdown = 0.1, stdin = 0.2, term = 0.3 }
daemon = false
idle_time = 10
enabled = false
api = "^2.1.0"
subscribes = ["item.#"]
tick = 0.1
provides = ["store@1.2.0"]
events = { queue = 10, overflow = "block", ack_timeout = 1, max_attempts = 3, own = true }
expose = ["greet"]
role = "store"

[plugins.all.grants]
services = ["kv.*"]
publish = ["item.merged"]
plugins = { sandboxed = ["sign.#"] }

[plugins.sandboxed]
exec = "./sandboxed"
comm_type = "grpc"
comm_port = 65535
config = "env://CONFIG?type=file"

[plugins.sandboxed.permissions]
net = ["localhost"]

[plugins.attached]
attach = "unix:/run/attached.sock"
comm_type = "connect"

[events]
durable = ["item.#"]
queue = 100
overflow = "drop-newest"
ack_timeout = 2
max_attempts = 5
own = true

[hosts.main]
plugins = ["all", "sandboxed", "attached"]
`;
