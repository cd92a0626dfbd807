"""Is the web app alive, and are the stations behind it?"""

from flask import Blueprint, Response, jsonify

from webapp.services import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """200 as soon as the web app serves, whatever the stations behind it do."""
    return jsonify(status="ok")


@blueprint.get("/api/health")
def stations() -> Response:
    """Each station: state ("up", "waiting", "down", "unknown"), since when (ms), reason, detail."""
    states = services().health.states()
    return jsonify(all_up=all(state.state == "up" for state in states), stations=[s.as_json() for s in states])
