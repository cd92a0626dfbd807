"""A web app over fakes, and rows to show."""

from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from webapp.changes import ChangeHub
from webapp.commands.events import Event
from webapp.read_model import Customer, ViewRow

NOW_MS = 1_700_000_000_000
BASE = "http://127.0.0.1:5001"
ADA = "11111111-1111-4111-8111-111111111111"
NOBODY = "99999999-9999-4999-8999-999999999999"


def view_row(row: dict[str, Any], topic: str = "a.topic", at_ms: int = NOW_MS - 3000) -> ViewRow:
    return ViewRow(row, topic, 1, 42, at_ms, at_ms + 5)


def customer(**changed: Any) -> Customer:
    row = {
        "customer_id": ADA,
        "first_name": "Ada",
        "last_name": "Meyer",
        "email": "ada@example.com",
        "lifecycle_stage": "customer",
        "order_count": 2,
        "lifetime_value_cents": 123_456,
        "delivered": 3,
        "failed": 1,
        "last_event_id": "event-1",
    }
    live = view_row({**row, **changed})
    gold = view_row({**row, "version": 3, "average_order_value_cents": 61_728}, at_ms=NOW_MS - 60_000)
    return Customer(ADA, live, gold)


@dataclass
class World:
    """The web app and the fakes behind it."""

    app: Flask
    client: FlaskClient
    read_model: Any
    publisher: Any
    hub: ChangeHub
    health: Any

    @property
    def sent(self) -> list[Event]:
        return [call.args[0] for call in self.publisher.publish.call_args_list]

    def token(self) -> str:
        """A token that goes with the client's session."""
        found = self.client.get("/session", base_url=BASE)
        return str(found.get_json()["csrf_token"])

    def post(self, path: str, json: Any = None, **more: Any) -> Any:
        return self.client.post(path, json=json, base_url=BASE, **more)

    def form(self, path: str, **fields: str) -> Any:
        return self.client.post(path, data={"csrf_token": self.token(), **fields}, base_url=BASE)

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, base_url=BASE, **more)
