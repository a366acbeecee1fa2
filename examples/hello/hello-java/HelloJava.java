import com.sun.net.httpserver.*;
import java.io.*;
import java.util.*;
import java.util.regex.*;
import static java.nio.charset.StandardCharsets.UTF_8;

/** The hello plugin in Java, JDK 17 alone: `javac HelloJava.java`, then `java HelloJava --port N` answers ping and exec over REST.
 *  Write your own commands, keep the rest. A command takes bytes and returns bytes; several calls may run at once, each in its thread. */
class HelloJava {
    interface Command { byte[] run(byte[] payload) throws Exception; }

    static final Map<String, Command> COMMANDS = Map.of(
        "hello.world", payload -> "Hello, world!".getBytes(UTF_8),
        "hello.echo", payload -> payload,
        "hello.fail", payload -> { throw new PluginError("hello.refused", "You asked me to fail: " + new String(payload, UTF_8)); },
        "test.sha256", payload -> java.security.MessageDigest.getInstance("SHA-256").digest(payload));

    /** Its code and its message reach the caller. */
    static class PluginError extends Exception { String code; PluginError(String c, String message) { super(message); code = c; } }

    // The JDK has no JSON. A call needs an object's strings alone, so we look at strings and brackets. We take keys as they are written.
    static final String STRING = "\"((?:[^\"\\\\]++|\\\\[\"\\\\/bfnrt]|\\\\u\\p{XDigit}{4})*+)\"";
    static final Pattern TOKEN = Pattern.compile(STRING + "\\s*:\\s*" + STRING + "|" + STRING + "|[\\[\\]{}]"),
        ESCAPE = Pattern.compile("\\\\(?:u(.{4})|(.))"), UNSAFE = Pattern.compile("[\"\\\\\\x00-\\x1f]");

    static String exec(String route, InputStream body) throws Exception {
        if (!route.equals("POST /exec")) throw new PluginError("exec.not_found", "There is no " + route);
        Map<String, String> call = new HashMap<>(Map.of("command", "", "payload", "missing"));
        int depth = 0;
        for (Matcher token = TOKEN.matcher(new String(body.readAllBytes(), UTF_8)); token.find();) {
            if (depth == 1 && token.group(2) != null) call.put(token.group(1), token.group(2));
            depth += switch (token.group()) { case "{", "[" -> 1; case "}", "]" -> -1; default -> 0; };
        }
        if (depth != 0 || !call.get("payload").matches("(?:\\p{XDigit}{2})*+") || call.get("command").isEmpty())
            throw new PluginError("exec.bad_request", "The body is not JSON with a command and a payload in hex");
        String name = ESCAPE.matcher(call.get("command")).replaceAll(escape -> Matcher.quoteReplacement(escape.group(1) == null
            ? ("\\" + escape.group(2)).replace("\\/", "/").translateEscapes() : Character.toString(Integer.parseInt(escape.group(1), 16))));
        if (!COMMANDS.containsKey(name)) throw new PluginError("exec.unknown_command", "There is no " + name);
        return HexFormat.of().formatHex(COMMANDS.get(name).run(HexFormat.of().parseHex(call.get("payload"))));
    }

    static void handle(HttpExchange exchange) throws IOException {
        String route = exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath(), json;
        int status = route.equals("GET /ping") ? 200 : 202;
        try (InputStream body = exchange.getRequestBody()) {
            json = "{\"status\":\"success\",\"data\":{\"response\":\"%s\"}}".formatted(status == 200 ? "pong" : exec(route, body));
        } catch (Exception error) {
            String code = error instanceof PluginError refusal ? refusal.code : "exec.failed";
            String message = UNSAFE.matcher("" + error.getMessage()).replaceAll(c -> "\\\\u%04x".formatted((int) c.group().charAt(0)));
            status = Map.of("exec.unknown_command", 400, "exec.bad_request", 400, "exec.not_found", 404).getOrDefault(code, 500);
            json = "{\"status\":\"error\",\"data\":null,\"message\":\"" + message + "\",\"code\":\"" + code + "\"}";
        }
        exchange.getResponseHeaders().set("content-type", "application/json");
        exchange.sendResponseHeaders(status, json.getBytes(UTF_8).length);
        try (OutputStream out = exchange.getResponseBody()) { out.write(json.getBytes(UTF_8)); }
    }

    public static void main(String[] args) throws IOException {
        // Else an answer may wait 40 ms, and of more than 200 connections some are closed at any moment.
        System.getProperties().putAll(Map.of("sun.net.httpserver.nodelay", "true", "sun.net.httpserver.maxIdleConnections", "10000"));
        int port = Integer.parseInt(args[List.of(args).indexOf("--port") + 1]);
        HttpServer server = HttpServer.create(new java.net.InetSocketAddress("127.0.0.1", port), 1024);
        server.createContext("/", HelloJava::handle);
        server.setExecutor(java.util.concurrent.Executors.newCachedThreadPool());
        server.start();
        int stdin = (int) java.nio.file.Files.getAttribute(new File("/dev/stdin").toPath(), "unix:mode") >> 12;
        if (stdin != 1 && stdin != 12) return; // Neither a pipe nor a socket, of which the host holds the other end:
        System.in.transferTo(OutputStream.nullOutputStream()); // when it closes that, or dies, we end too.
        server.stop(0); // With this, exit need not wait for its thread.
        System.exit(0);
    }
}
