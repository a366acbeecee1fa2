// The signer in Go, standard library alone: has pairs of items signed by the pool's key, which it never sees, and commits them.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

type reply struct {
	Status  string                     `json:"status"`
	Data    *struct{ Response string } `json:"data"`
	Message string                     `json:"message,omitempty"`
	Code    string                     `json:"code,omitempty"`
}

// The bytes that a service of the host answers. The headers of the call that is being answered go along, for its trace.
func callHost(from *http.Request, command string, input any) ([]byte, error) {
	payload, _ := json.Marshal(input)
	body, _ := json.Marshal(map[string]string{"command": command, "payload": hex.EncodeToString(payload)})
	request, err := http.NewRequestWithContext(from.Context(), "POST", os.Getenv("POLYPLUG_HOST_URL")+"/exec", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"x-request-id", "traceparent", "x-polyplug-hops"} {
		if value := from.Header.Get(name); value != "" {
			request.Header.Set(name, value)
		}
	}
	request.Header.Set("authorization", "Bearer "+os.Getenv("POLYPLUG_HOST_TOKEN"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer reply
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Data == nil {
		return nil, fmt.Errorf("%s: %s %s", command, answer.Code, answer.Message)
	}
	return hex.DecodeString(answer.Data.Response)
}

func sign(from *http.Request, payload []byte) ([]byte, error) {
	var input struct {
		Ids []string `json:"ids"`
	}
	if err := json.Unmarshal(payload, &input); err != nil || len(input.Ids) == 0 {
		return nil, fmt.Errorf("sign.items needs ids")
	}
	signed, err := callHost(from, "keys.sign", map[string]string{"text": strings.Join(input.Ids, "\n")})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Signature string `json:"signature"`
	}
	if err := json.Unmarshal(signed, &answer); err != nil {
		return nil, err
	}
	return callHost(from, "pool.commit", map[string]any{"ids": input.Ids, "signature": answer.Signature})
}

func handle(writer http.ResponseWriter, request *http.Request) {
	status, result := 200, map[string]any{"status": "success", "data": map[string]string{"response": "pong"}}
	if request.URL.Path == "/exec" {
		var call struct{ Command, Payload string }
		payload, err := []byte(nil), json.NewDecoder(request.Body).Decode(&call)
		if err == nil && call.Command != "sign.items" {
			err = fmt.Errorf("there is no %q", call.Command)
		}
		if err == nil {
			payload, err = hex.DecodeString(call.Payload)
		}
		if err == nil {
			payload, err = sign(request, payload)
		}
		status, result = 202, map[string]any{"status": "success", "data": map[string]string{"response": hex.EncodeToString(payload)}}
		if err != nil {
			status, result = 500, map[string]any{"status": "error", "data": nil, "message": err.Error(), "code": "exec.failed"}
		}
	}
	writer.Header().Set("content-type", "application/json")
	writer.WriteHeader(status)
	json.NewEncoder(writer).Encode(result)
}

func main() {
	port := flag.String("port", "", "where on 127.0.0.1 to listen")
	flag.Parse()
	go func() { io.Copy(io.Discard, os.Stdin); os.Exit(0) }() // The host holds the other end: when it dies, we end too.
	log.Fatal(http.ListenAndServe("127.0.0.1:"+*port, http.HandlerFunc(handle)))
}
