package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// What protoc-gen-go-grpc would write for a service of one method that takes and gives google.protobuf.BytesValue.

const method = "/bench.Echo/Call"

type echoServer interface {
	Call(ctx context.Context, in *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error)
}

type echoImpl struct{}

func (echoImpl) Call(_ context.Context, in *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error) {
	return &wrapperspb.BytesValue{Value: in.Value}, nil
}

func handleCall(srv interface{}, ctx context.Context, decode func(interface{}) error, interceptor grpc.UnaryServerInterceptor) (interface{}, error) {
	in := new(wrapperspb.BytesValue)
	if err := decode(in); err != nil {
		return nil, err
	}
	if interceptor == nil {
		return srv.(echoServer).Call(ctx, in)
	}
	handle := func(ctx context.Context, in interface{}) (interface{}, error) {
		return srv.(echoServer).Call(ctx, in.(*wrapperspb.BytesValue))
	}
	return interceptor(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: method}, handle)
}

var echoService = grpc.ServiceDesc{
	ServiceName: "bench.Echo",
	HandlerType: (*echoServer)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Call", Handler: handleCall}},
}

type echoClient struct{ conn *grpc.ClientConn }

func (client *echoClient) Call(payload []byte) ([]byte, error) {
	out := new(wrapperspb.BytesValue)
	if err := client.conn.Invoke(context.Background(), method, &wrapperspb.BytesValue{Value: payload}, out); err != nil {
		return nil, err
	}
	return out.Value, nil
}
