"""`python -m ksql_engine` as a process of its own over the test services."""

# ruff: noqa: S310 - addresses are local
from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from tests.waiting import eventually


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class EngineProcess:
    """`python -m ksql_engine` with a state folder; can be killed and started again."""

    def __init__(self, bootstrap: str, registry_url: str, folder: Path, *more: str) -> None:
        self.bootstrap, self.registry_url, self.folder = bootstrap, registry_url, folder
        self.port = free_port()
        self.service_id = f"t{self.port}_"
        self.more = more
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "engine.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "ksql_engine",
            "--port",
            str(self.port),
            "--bootstrap",
            self.bootstrap,
            "--registry-url",
            self.registry_url,
            "--state-dir",
            str(self.folder / "state"),
            "--service-id",
            self.service_id,
            *self.more,
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def wait_ready(self) -> None:
        eventually(self._ready, 40)

    def _ready(self) -> bool:
        try:
            return bool(self.get("/healthcheck")["isHealthy"])
        except (OSError, ValueError):
            return False

    def end(self, signum: int) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(signum)
        return self.process.wait(10)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: dict[str, Any]) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())

    def ksql(self, text: str, **properties: str) -> Any:
        return json.loads(self.post("/ksql", {"ksql": text, "streamsProperties": properties}))

    def rows(self, text: str) -> list[list[Any]]:
        answer = json.loads(self.post("/query", {"ksql": text, "streamsProperties": {}}))
        return [entry["row"]["columns"] for entry in answer if "row" in entry]


def workers(engine: EngineProcess) -> list[psutil.Process]:
    assert engine.process is not None
    return psutil.Process(engine.process.pid).children()


def kill_server(engine: EngineProcess, away_s: float = 0.0) -> None:
    """Kill the server with -9 and start it again after `away_s` seconds; its workers must end with it."""
    left = workers(engine)
    engine.end(signal.SIGKILL)
    time.sleep(away_s)
    engine.start()
    engine.wait_ready()
    _, alive = psutil.wait_procs(left, timeout=1)
    assert alive == []


def kill_worker(engine: EngineProcess, rng: random.Random) -> None:
    """Kill any of the workers with -9; the server starts it again."""
    chosen = rng.choice(eventually(lambda: workers(engine)))
    os.kill(chosen.pid, signal.SIGKILL)
