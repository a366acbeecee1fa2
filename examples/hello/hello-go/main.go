// The hello plugin in Go, standard library alone: `go build`, then `./hello-go --port N` answers ping and exec over REST.
// Write your own commands, keep the rest. A command takes bytes and returns bytes; several calls may run at once, each in its goroutine.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
)

type pluginError struct{ code, message string } // Both reach the caller; of any other error its message does.

func (err pluginError) Error() string { return err.message }

var commands = map[string]func(payload []byte) ([]byte, error){
	"hello.world": func([]byte) ([]byte, error) { return []byte("Hello, world!"), nil },
	"hello.echo":  func(payload []byte) ([]byte, error) { return payload, nil },
	"hello.fail": func(payload []byte) ([]byte, error) {
		return nil, pluginError{"hello.refused", "You asked me to fail: " + string(payload)}
	},
	"test.sha256": func(payload []byte) ([]byte, error) { sum := sha256.Sum256(payload); return sum[:], nil },
}

func answer(route string, body []byte) (status int, response string, err error) {
	call := struct{ Command, Payload string }{Payload: "missing"} // Which is not hex.
	jsonErr := json.Unmarshal(body, &call)
	payload, hexErr := hex.DecodeString(call.Payload)
	switch {
	case route == "GET /ping":
		return 200, "pong", nil
	case route != "POST /exec":
		return 404, "", pluginError{"exec.not_found", "There is no " + route}
	case jsonErr != nil || hexErr != nil || call.Command == "":
		return 400, "", pluginError{"exec.bad_request", "The body is not JSON with a command and a payload in hex"}
	case commands[call.Command] == nil:
		return 400, "", pluginError{"exec.unknown_command", "There is no " + call.Command}
	}
	result, err := commands[call.Command](payload)
	if err != nil {
		return 500, "", err
	}
	return 202, hex.EncodeToString(result), nil
}

func handle(writer http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	status, response, err := answer(request.Method+" "+request.URL.Path, body)
	reply := map[string]any{"status": "success", "data": map[string]string{"response": response}}
	if coded, _ := err.(pluginError); err != nil {
		reply = map[string]any{"status": "error", "data": nil, "message": err.Error(), "code": coded.code}
	}
	writer.Header().Set("content-type", "application/json")
	writer.WriteHeader(status)
	json.NewEncoder(writer).Encode(reply)
}

func main() {
	port := flag.String("port", "", "where on 127.0.0.1 to listen")
	flag.Parse()
	if stdin, err := os.Stdin.Stat(); err == nil && stdin.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 {
		go func() { io.Copy(io.Discard, os.Stdin); os.Exit(0) }() // The host holds the other end: when it closes that, or dies, we end too.
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+*port, http.HandlerFunc(handle)))
}
