"""The web app over fakes: nothing listens, nothing connects."""

import random
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from webapp_world import ADA, NOW_MS, World, customer

from contracts.settings import Settings
from webapp import create_app
from webapp.actions import Actions, RecentCustomers
from webapp.changes import ChangeHub
from webapp.commands.publisher import Ack, EventPublisher
from webapp.health import Health
from webapp.read_model import Customer, Page, ReadModel
from webapp.services import Services
from webapp.show import change


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, home=tmp_path, flask_secret_key="for tests")


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    read_model = create_autospec(ReadModel, instance=True)
    read_model.exists.side_effect = lambda customer_id: customer_id == ADA
    read_model.customer.side_effect = lambda i: customer() if i == ADA else Customer(i)
    read_model.customers.return_value = Page((), None, 0)
    publisher = create_autospec(EventPublisher, instance=True)
    publisher.publish.side_effect = lambda event, timeout_s: Ack(event.topic.name, 1, 7, event.event_id)
    counter = iter(range(1, 1000))
    actions = Actions(
        publisher,
        read_model,
        RecentCustomers(),
        rng=random.Random(1),
        now_ms=lambda: NOW_MS,
        new_id=lambda: f"00000000-0000-4000-8000-{next(counter):012d}",
    )
    hub = ChangeHub(read_model, change, most=2)
    health = create_autospec(Health, instance=True)
    health.states.return_value = []
    health.troubles.return_value = []
    health.start.return_value = None
    app = create_app(settings, Services(settings, read_model, actions, hub, health, now_ms=lambda: NOW_MS))
    yield World(app, app.test_client(), read_model, publisher, hub, health)
    hub.close()
