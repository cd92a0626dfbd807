"""A small ksqlDB: keeps statements by name, refuses what it is told to refuse, shows texts in its own spelling."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

CREATE = re.compile(r"CREATE (OR REPLACE )?(STREAM|TABLE) (\w+)(.*)", re.DOTALL | re.IGNORECASE)


@dataclass
class FakeKsql:
    """`shows` turns a statement's text into what DESCRIBE shows; `refuses` are names that cannot be replaced."""

    url: str = ""
    running: dict[str, tuple[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    spelling: str = "{}"
    query_lines: list[str] = field(default_factory=list)

    def statements(self, *starts: str) -> list[str]:
        """What was asked, of the statements that begin with one of `starts`."""
        return [sql for sql, _ in self.asked if sql.startswith(starts)]

    def answer(self, sql: str) -> tuple[int, Any]:
        words = sql.rstrip(";").split()
        if words[0] == "SHOW":
            kind = words[1].rstrip("S")
            rows = [{"name": name} for name, (its_kind, _) in self.running.items() if its_kind == kind]
            return 200, [{"@type": words[1].lower(), words[1].lower(): rows}]
        if words[0] == "DESCRIBE":
            return self._describe(words[1].strip("`"))
        if words[0] == "DROP":
            self.running.pop(words[4].strip("`"), None)
        elif words[0] == "SET":
            return 200, []
        elif created := CREATE.match(sql):
            return self._create(bool(created[1]), created[2].upper(), created[3].upper(), sql)
        return 200, [{"@type": "currentStatus", "commandStatus": {"status": "SUCCESS", "message": "done"}}]

    def _describe(self, name: str) -> tuple[int, Any]:
        text = self.spelling.format(self.running[name][1])
        writes = [{"id": f"CTAS_{name}_1", "queryString": text}] if " AS" in text else []
        source = {"name": name, "statement": text, "readQueries": [], "writeQueries": writes}
        return 200, [{"@type": "sourceDescription", "sourceDescription": source}]

    def _create(self, replace: bool, kind: str, name: str, sql: str) -> tuple[int, Any]:
        if name in self.refuses or (name in self.running and not replace):
            return 400, {"@type": "statement_error", "error_code": 40001, "message": f"Cannot upgrade {name}: no."}
        self.running[name] = (kind, sql)
        return 200, [{"@type": "currentStatus", "commandStatus": {"status": "SUCCESS", "message": "created"}}]


@pytest.fixture
def ksql_server() -> Iterator[FakeKsql]:
    fake = FakeKsql()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send(200, json.dumps({"KsqlServerInfo": {"version": "0.29.0"}}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/query":
                self.send(200, "".join(fake.query_lines))
                return
            fake.asked.append((body["ksql"], body["streamsProperties"]))
            status, answer = fake.answer(body["ksql"])
            self.send(status, json.dumps(answer))

        def send(self, status: int, text: str) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield fake
    server.shutdown()
    server.server_close()
    thread.join(5)
