"""The SQL prompt: what it makes of text and answers, and a session with a small server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from scripts.sql.client import Server, Session, parsed_line
from scripts.sql.prompt import Prompt
from scripts.sql.render import Rows, entity_text
from scripts.sql.statements import kept, script_of, split

ROWS = (
    b'[{"header":{"queryId":"q","schema":"`A` INTEGER KEY, `S` STRUCT<`F` STRING>"}},\n'
    b'{"row":{"columns":[1,{"F":"x"}]}},\n\n{"row":{"columns":[1,null],"tombstone":true}},\n'
    b'{"finalMessage":"Limit Reached"}]\n'
)


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        if "bad" in body["ksql"]:
            self._answer(400, b'{"@type":"statement_error","error_code":40001,"message":"line 1:1: Syntax Error"}')
        elif self.path == "/query":
            self._answer(200, ROWS if "SELECT" in body["ksql"] else b"Key format: KAFKA_STRING\nrowtime: x, key: 1\n")
        else:
            self._answer(200, b'[{"@type":"streams","streams":[{"name":"S","topic":"s"}],"warnings":[]}]')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def prompt() -> Iterator[tuple[Prompt, list[str]]]:
    Handler.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shown: list[str] = []
    yield Prompt(Server(f"http://127.0.0.1:{server.server_port}"), shown.append), shown
    server.shutdown()
    server.server_close()


def test_statements_end_at_semicolons_outside_of_quotes_and_comments() -> None:
    text = "SELECT 'a;''b' -- no; end\n FROM `x;`; /* ; */ SHOW STREAMS; SELECT"
    assert split(text) == (["SELECT 'a;''b' \n FROM `x;`;", "SHOW STREAMS;"], "SELECT")
    assert split("SELECT 1 - 2 / 3;") == (["SELECT 1 - 2 / 3;"], "")


def test_session_statements_stay_with_the_prompt() -> None:
    session = Session()
    assert kept("SET 'a' = 'b';", session)
    assert kept("define v = 'w';", session)
    assert (session.properties, session.variables) == ({"a": "b"}, {"v": "w"})
    assert kept("UNSET 'a';", session)
    assert kept("UNDEFINE v;", session)
    assert (session.properties, session.variables) == ({}, {})
    assert kept("SHOW STREAMS;", session) is None
    assert script_of("run script 'x.sql';") == "x.sql"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('[{"header":{}},\n', {"header": {}}),
        ('{"row":{"columns":["]"]}},\n', {"row": {"columns": ["]"]}}),
        ('{"finalMessage":"x"}]', {"finalMessage": "x"}),
        ('[{"header":{}}]\n', {"header": {}}),
        ("]\n", None),
        ("\n", None),
        ("rowtime: 1, key: 2\n", "rowtime: 1, key: 2"),
    ],
)
def test_lines_of_an_answer(line: str, found: Any) -> None:
    assert parsed_line(line) == found


def test_a_query_shows_rows_under_their_names(prompt: tuple[Prompt, list[str]]) -> None:
    one, shown = prompt
    assert one.run_text("SET 'auto.offset.reset' = 'earliest'; SELECT * FROM s EMIT CHANGES LIMIT 2;")
    assert Handler.asked[-1]["streamsProperties"] == {"auto.offset.reset": "earliest"}
    assert [part.strip() for part in shown[1].splitlines()[1].strip("|").split("|")] == ["A", "S"]
    assert '{"F": "x"}' in shown[2]
    assert shown[3].endswith("(deleted)")
    assert shown[-1] == "Limit Reached"


def test_other_answers_and_failures_are_shown(prompt: tuple[Prompt, list[str]]) -> None:
    one, shown = prompt
    assert one.run_text("PRINT 's';")
    assert shown == ["Key format: KAFKA_STRING", "rowtime: x, key: 1"]
    assert not one.run_text("bad; SHOW STREAMS;")
    assert shown[-1] == "line 1:1: Syntax Error"
    assert one.run_text("SHOW STREAMS")
    assert shown[-1].splitlines()[2].split(" | ")[:2] == ["S   ", "s    "]


def test_a_server_that_is_not_there_is_told_in_words() -> None:
    shown: list[str] = []
    assert not Prompt(Server("127.0.0.1:1"), shown.append).run_text("SHOW STREAMS;")
    assert shown[0].startswith("No answer from 127.0.0.1:1")


def test_unknown_entities_are_shown_as_json_and_long_values_wrap() -> None:
    assert json.loads(entity_text({"@type": "new", "statementText": "x", "a": 1})) == {"@type": "new", "a": 1}
    rows = Rows("`A` STRING")
    assert len(rows.row(["x" * 500]).splitlines()) > 1
