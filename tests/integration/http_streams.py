"""Clients that hold answers open over HTTP/1.1 and HTTP/2, and may go without a word."""

from __future__ import annotations

import json
import select
import socket
import struct
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived

_RESET = struct.pack("ii", 1, 0)


def connect(port: int) -> socket.socket:
    """Open a connection to a server on this machine."""
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def vanish(connection: socket.socket) -> None:
    """End a connection at once with a reset: nothing is said to the server and nothing more is read."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()


def post_bytes(path: str, body: bytes) -> bytes:
    """Return a POST request of HTTP/1.1."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Http1Streams:
    """One answer of HTTP/1.1 on a connection of its own, so `count` of them are as many connections."""

    def __init__(self, port: int, count: int, path: str, body: bytes) -> None:
        self._connections = [connect(port) for _ in range(count)]
        self._texts = [b""] * count
        for one in self._connections:
            one.sendall(post_bytes(path, body))

    def read(self) -> list[bytes]:
        """Return what each answer has brought so far."""
        for place, one in enumerate(self._connections):
            while one.fileno() >= 0 and select.select([one], [], [], 0)[0] and (data := one.recv(65536)):
                self._texts[place] += data
        return self._texts

    def vanish(self) -> None:
        """Reset all connections."""
        for one in self._connections:
            vanish(one)

    def close(self) -> None:
        """Close all connections."""
        for one in self._connections:
            one.close()


class Http2Streams:
    """`count` answers as streams of one connection of HTTP/2, begun with prior knowledge."""

    def __init__(self, port: int, count: int, path: str, body: bytes) -> None:
        self._connection = connect(port)
        self._protocol = H2Connection(H2Configuration(client_side=True))
        self._protocol.initiate_connection()
        self.statuses: dict[int, int] = {}
        self._texts: dict[int, bytes] = {}
        for _ in range(count):
            stream = self._protocol.get_next_available_stream_id()
            pseudo = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
            self._protocol.send_headers(stream, [*pseudo, ("content-type", "application/json")])
            self._protocol.send_data(stream, body, end_stream=True)
            self._texts[stream] = b""
        self._connection.sendall(self._protocol.data_to_send())

    def read(self) -> list[bytes]:
        """Return what each answer has brought so far."""
        while select.select([self._connection], [], [], 0)[0] and (data := self._connection.recv(65536)):
            for event in self._protocol.receive_data(data):
                if isinstance(event, ResponseReceived):
                    self.statuses[event.stream_id] = int(dict(event.headers)[b":status"])
                elif isinstance(event, DataReceived):
                    self._texts[event.stream_id] += event.data
                    self._protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self._connection.sendall(self._protocol.data_to_send())
        return list(self._texts.values())

    def vanish(self) -> None:
        """Reset the connection."""
        vanish(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def lines_with(text: bytes, mark: str) -> list[Any]:
    """Return the JSON lines of an answer, among what a protocol puts between them, that have `mark` in them."""
    found = []
    for line in text.decode(errors="replace").splitlines():
        if mark in line:
            found.append(json.loads(line.strip().lstrip("[").rstrip(",")))
    return found
