"""Requests put together by hand, byte by byte, as no well-kept client sends them."""

import socket

import numpy as np
import requests

BOUNDARY = "f1x3d"
TYPE = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(name: str, data: bytes, extra: str = "") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n{extra}\r\n'
    return head.encode() + data + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def post(server, body, headers=TYPE, path="/predict"):
    return requests.post(f"{server.address}{path}", data=body, headers=headers, timeout=60)


def by_class(answer):
    return np.array(list(answer["probabilities"].values()))


def connected(server) -> socket.socket:
    host, port = server.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def send_head(connection: socket.socket, *lines: str) -> None:
    head = ["POST /predict HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {TYPE['Content-Type']}", *lines]
    connection.sendall("\r\n".join([*head, "", ""]).encode())


def status(connection: socket.socket) -> str:
    return connection.recv(65536).decode().splitlines()[0]
