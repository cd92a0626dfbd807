"""A page for verify to talk to: the API and the event stream over HTTP, with a lab of plain rules behind it."""

import contextlib
import json
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

Spoil = Callable[[dict[str, Any]], None]


class FakeLab:
    """Customers, changed by the API at once. `spoil` may change what the API says; `refuse` is a status to answer."""

    def __init__(self) -> None:
        self.customers: dict[str, dict[str, Any]] = {}
        self.changed = threading.Condition()
        self.changes: list[str] = []
        self.clock_ms = 1_800_000_000_000
        self.spoil: Spoil = lambda _: None
        self.refuse = 0
        self.with_stream = True
        self.looked = 0

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        customer_id = str(uuid.uuid4())
        self.customers[customer_id] = {"orders": [], "delivered": 0, "failed": 0, **body}
        return self._acknowledge(customer_id, {})

    def order(self, customer_id: str, body: dict[str, Any]) -> dict[str, Any]:
        total = sum(item["quantity"] * item["price_cents"] for item in body["items"])
        placed = self.clock_ms + 1
        self.customers[customer_id]["orders"].append((placed, total))
        return self._acknowledge(customer_id, {"placed_at_ms": placed})

    def engage(self, customer_id: str, body: dict[str, Any]) -> dict[str, Any]:
        self.customers[customer_id][body["status"]] += 1
        return self._acknowledge(customer_id, {})

    def _acknowledge(self, customer_id: str, event: dict[str, Any]) -> dict[str, Any]:
        self.clock_ms += 1
        event_id = self.customers[customer_id]["event_id"] = str(uuid.uuid4())
        with self.changed:
            self.changes.append(customer_id)
            self.changed.notify_all()
        return {"customer_id": customer_id, "event_id": event_id, "event": event}

    def seen(self, customer_id: str) -> dict[str, Any]:
        """The customer as the API gives it."""
        self.looked += 1
        customer = self.customers[customer_id]
        times, totals = [t for t, _ in customer["orders"]], [c for _, c in customer["orders"]]
        count, cents = len(totals), sum(totals)
        delivered, failed = customer["delivered"], customer["failed"]
        stage = self.stage(count, cents, delivered, failed)
        row = {
            "order_count": count,
            "lifetime_value_cents": cents,
            "delivered": delivered,
            "failed": failed,
            "first_order_at_ms": min(times, default=None),
            "last_order_at_ms": max(times, default=None),
            "last_event_id": customer["event_id"],
            "lifecycle_stage": stage,
            "is_active": count > 0,
        }
        rate = delivered / (delivered + failed) if delivered + failed else 0.0
        gold = {**row, "average_order_value_cents": cents // max(count, 1), "engagement_rate": rate, "version": 1}
        segment = "vip" if cents >= 20_000 else "growth" if count >= 2 else stage
        found = {
            "customer_id": customer_id,
            "live": {"row": row},
            "gold": {"row": gold},
            "segment": {"row": {"segment": segment}},
            "propensity": {"row": {"score": 0.4}},
        }
        self.spoil(found)
        return found

    @staticmethod
    def stage(count: int, cents: int, delivered: int, failed: int) -> str:
        if cents > 500_000:
            return "evangelist" if delivered and delivered >= 0.7 * (delivered + failed) else "high-value"
        if count:
            return "engaged" if delivered > failed else "customer"
        return "prospect"


def handler(lab: FakeLab) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            parts = self.path.strip("/").split("/")
            if lab.refuse:
                return self.answer(lab.refuse, {"error": "no"})
            if len(parts) == 2:
                return self.answer(201, lab.create(body))
            act = {"orders": lab.order, "engagements": lab.engage}[parts[3]]
            return self.answer(201, act(parts[2], body))

        def do_GET(self) -> None:
            if self.path == "/events":
                return self.stream() if lab.with_stream else self.answer(503, {})
            return self.answer(200, lab.seen(self.path.rsplit("/", 1)[1]))

        def stream(self) -> None:
            with contextlib.suppress(OSError):  # the reader has gone
                self.send_changes()

        def send_changes(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            sent = 0
            while True:
                with lab.changed:
                    lab.changed.wait_for(lambda known=sent: len(lab.changes) > known, 5)
                    news, sent = lab.changes[sent:], len(lab.changes)
                text = (
                    "".join(f'event: change\ndata: {{"customer_id": "{i}", "view": "live"}}\n\n' for i in news)
                    or ": still here\n\n"
                )
                self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())

        def answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    return Handler
