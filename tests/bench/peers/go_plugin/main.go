// The peer go-plugin: a host in Go and a plugin in Go over gRPC on a Unix socket, as its example "grpc" has it. Run without
// arguments it is the host, starts itself as the plugin, and measures a slice whenever its stdin says so: ../../racer.ts.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/exec"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

var handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "BENCH_PLUGIN", MagicCookieValue: "hello"}

// Echo is the interface that the plugin implements.
type Echo interface {
	Call(payload []byte) ([]byte, error)
}

type echoPlugin struct{ plugin.Plugin }

func (echoPlugin) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	server.RegisterService(&echoService, echoImpl{})
	return nil
}

func (echoPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (interface{}, error) {
	return &echoClient{conn}, nil
}

var plugins = map[string]plugin.Plugin{"echo": echoPlugin{}}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		plugin.Serve(&plugin.ServeConfig{HandshakeConfig: handshake, Plugins: plugins, GRPCServer: plugin.DefaultGRPCServer})
		return
	}
	log.SetOutput(io.Discard)
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  handshake,
		Plugins:          plugins,
		Cmd:              exec.Command(os.Args[0], "plugin"),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
	})
	if err := race(client); err != nil {
		client.Kill()
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	client.Kill()
}

func race(client *plugin.Client) error {
	protocol, err := client.Client()
	if err != nil {
		return err
	}
	raw, err := protocol.Dispense("echo")
	if err != nil {
		return err
	}
	return answerOrders(raw.(Echo))
}
