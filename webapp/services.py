"""The web app's objects, built in one place and passed in."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from contracts.marketing import MARKETING
from contracts.settings import Settings
from webapp.actions import Actions, RecentCustomers
from webapp.changes import ChangeHub
from webapp.commands.publisher import EventPublisher
from webapp.health import Health, now_ms
from webapp.probes import station_probes
from webapp.read_model import ReadModel
from webapp.redis_client import connect
from webapp.show import change

KEY = "lab"
REDIS_CONNECTIONS = 16
THREADS_FOR_REQUESTS = 8
"""Threads that event streams may not take."""


@dataclass(frozen=True)
class Services:
    """What the blueprints work with."""

    settings: Settings
    read_model: ReadModel
    actions: Actions
    hub: ChangeHub
    health: Health
    now_ms: Callable[[], int] = now_ms

    def install(self, app: Flask) -> None:
        """Make the services known to `app`, and begin to look after the stations at its first request."""
        app.extensions[KEY] = self

        def look_after_stations() -> None:
            self.health.start()

        app.before_request(look_after_stations)

    def warm_up(self) -> None:
        """Connect to the broker now, so that the first click need not wait for it."""
        self.actions.warm_up()

    def close(self) -> None:
        """End streams and probes."""
        self.health.close()
        self.hub.close()


def build_services(settings: Settings) -> Services:
    """The real ones. Nothing connects and no thread starts yet."""
    read_model = ReadModel(connect(settings, REDIS_CONNECTIONS), settings)
    hub = ChangeHub(read_model, change, max(1, settings.web_threads - THREADS_FOR_REQUESTS))
    actions = Actions(
        EventPublisher(settings, MARKETING),
        read_model,
        RecentCustomers(),
        rng=random.SystemRandom(),
        now_ms=now_ms,
        new_id=lambda: str(uuid.uuid4()),
    )
    health = Health(
        station_probes(settings, read_model),
        lambda states: hub.broadcast("health", [state.as_json() for state in states]),
    )
    return Services(settings, read_model, actions, hub, health)


def services() -> Services:
    """The services of the app that handles this request."""
    return cast(Services, current_app.extensions[KEY])
