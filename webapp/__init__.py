"""The page, and what stands behind it: commands, projector, stage keeper."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from contracts.settings import Settings
    from webapp.services import Services


def create_app(settings: "Settings | None" = None, services: "Services | None" = None) -> "Flask":
    """The web app as a WSGI application, from `settings` or the environment's.

    Args:
        services: what the pages work with; built from the settings when not given.
    """
    from webapp.app import make_app  # noqa: PLC0415 - so that the projector need not load Flask

    return make_app(settings, services)
