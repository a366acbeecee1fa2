"""Takes the port that is its first argument for as many milliseconds as the second says, and answers nothing right."""

import os
import socket
import sys
import threading

server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("taken", flush=True)
threading.Timer(float(sys.argv[2]) / 1000, os._exit, [0]).start()
while True:
    with server.accept()[0] as caller:
        caller.recv(65536)
        caller.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
