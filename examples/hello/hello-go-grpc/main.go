// The hello plugin in Go over gRPC, with grpc-go: `go build`, then `./hello-go-grpc -port N` answers Ping and Exec. Its payloads are raw
// bytes, as in goplugin 1.0, hence dialect = "goplugin-1" in the configuration. `go generate` makes plugin/ of protocol/plugin.proto.
// Write your own commands, keep the rest. A command takes bytes and returns bytes; several calls may run at once, each in its goroutine.
package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"io"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	pb "hello-go-grpc/plugin"
)

//go:generate npx -y @bufbuild/buf@1.74.0 generate ../../../protocol/plugin.proto

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

type server struct{ pb.UnimplementedPluginServer }

func (server) Ping(context.Context, *emptypb.Empty) (*pb.PingResponse, error) {
	return &pb.PingResponse{Status: "success", Data: &pb.Data{Response: "pong"}}, nil
}

func (server) Exec(ctx context.Context, request *pb.ExecRequest) (*pb.ExecResponse, error) {
	command := commands[request.Command]
	if command == nil {
		return nil, refuse(ctx, codes.Unimplemented, pluginError{"exec.unknown_command", "There is no " + request.Command})
	}
	response, err := command(request.Payload)
	if err != nil {
		return nil, refuse(ctx, codes.Unknown, err)
	}
	return &pb.ExecResponse{Status: "success", Data: &pb.DataRPC{Response: response}}, nil
}

func refuse(ctx context.Context, rpcCode codes.Code, err error) error {
	coded, _ := err.(pluginError)
	grpc.SetTrailer(ctx, metadata.Pairs("x-error-code", coded.code))
	return status.Error(rpcCode, err.Error())
}

func main() {
	port := flag.String("port", "", "where on 127.0.0.1 to listen")
	flag.Parse()
	if stdin, err := os.Stdin.Stat(); err == nil && stdin.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 {
		go func() { io.Copy(io.Discard, os.Stdin); os.Exit(0) }() // The host holds the other end: when it closes that, or dies, we end too.
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+*port)
	if err != nil {
		log.Fatal(err)
	}
	rpc := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20)) // grpc-go's own limit is 4 MiB.
	pb.RegisterPluginServer(rpc, server{})
	log.Fatal(rpc.Serve(listener))
}
