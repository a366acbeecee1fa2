//! The hello plugin in Rust: `cargo build --release`, then `target/release/hello-rust --port N` answers ping and exec over REST.
//! Write your own commands, keep the rest. A command takes bytes and returns bytes; several calls may run at once, each in its thread.
use axum::{body::Bytes, extract::DefaultBodyLimit, http::StatusCode, http::Uri, routing, serve::ListenerExt, Json, Router};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use std::{env, fs, io, os::unix::fs::FileTypeExt, process, thread};

struct PluginError(&'static str, String); // Code and message: both reach the caller.
type Command = fn(Vec<u8>) -> Result<Vec<u8>, PluginError>;
type Answer = (StatusCode, Json<Value>);

const COMMANDS: [(&str, Command); 4] = [
    ("hello.world", |_| Ok(b"Hello, world!".to_vec())),
    ("hello.echo", Ok),
    ("hello.fail", |payload| Err(PluginError("hello.refused", format!("You asked me to fail: {}", String::from_utf8_lossy(&payload))))),
    ("test.sha256", |payload| Ok(Sha256::digest(payload).to_vec())),
];

#[derive(serde::Deserialize)]
struct Call {
    command: String,
    #[serde(with = "hex")]
    payload: Vec<u8>,
}

fn success(status: StatusCode, response: &str) -> Answer {
    (status, Json(json!({ "status": "success", "data": { "response": response } })))
}

fn failure(status: StatusCode, PluginError(code, message): PluginError) -> Answer {
    (status, Json(json!({ "status": "error", "data": null, "message": message, "code": code })))
}

async fn exec(body: Bytes) -> Result<Answer, Answer> {
    let refuse = |code, message| failure(StatusCode::BAD_REQUEST, PluginError(code, message));
    let call: Call = serde_json::from_slice(&body)
        .map_err(|error| refuse("exec.bad_request", format!("The body is not JSON with a command and a payload in hex: {error}")))?;
    let known = COMMANDS.iter().find(|(name, _)| *name == call.command);
    let (_, command) = known.ok_or_else(|| refuse("exec.unknown_command", format!("There is no {:?}", call.command)))?;
    // In a thread of its own: a command that takes long, or panics, leaves other calls alone.
    let result = tokio::task::spawn_blocking(|| command(call.payload)).await;
    let result = result.unwrap_or_else(|panic| Err(PluginError("exec.failed", panic.to_string())));
    let response = result.map_err(|error| failure(StatusCode::INTERNAL_SERVER_ERROR, error))?;
    Ok(success(StatusCode::ACCEPTED, &hex::encode(response)))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let port = env::args().skip_while(|arg| arg != "--port").nth(1).and_then(|port| port.parse().ok()).expect("--port N");
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let stdin = fs::metadata("/dev/stdin")?.file_type();
    if stdin.is_fifo() || stdin.is_socket() {
        // The host holds the other end: when it closes that, or dies, we end too.
        thread::spawn(|| process::exit(io::copy(&mut io::stdin(), &mut io::sink()).is_err().into()));
    }
    let other = |uri: Uri, _: Bytes| async move { failure(StatusCode::NOT_FOUND, PluginError("exec.not_found", format!("No {uri} here"))) };
    let app = Router::new().route("/ping", routing::get(|| async { success(StatusCode::OK, "pong") })).route("/exec", routing::post(exec));
    let app = app.fallback(other).method_not_allowed_fallback(other).layer(DefaultBodyLimit::disable());
    axum::serve(listener.tap_io(|connection| connection.set_nodelay(true).unwrap_or_default()), app).await
}
