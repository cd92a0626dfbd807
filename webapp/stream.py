"""Server-sent events: changes and health for browsers."""

from collections.abc import Iterator
from contextlib import ExitStack

from flask import Blueprint, Response, request

from webapp.changes import REFETCH, Stream, message
from webapp.services import services

blueprint = Blueprint("stream", __name__)
RETRY_MS = 1000
SEND_TIMEOUT_S = 20.0


@blueprint.get("/events")
def events() -> Response:
    """Events `change` {customer_id, view, row}, `health` [stations], `refetch` {}: then the page reads all anew."""
    lab = services()
    with ExitStack() as stack:
        stream = stack.enter_context(lab.hub.stream())
        greeting = f"retry: {RETRY_MS}\n\n{_health()}{REFETCH}"
        closer = stack.pop_all()
    _limit_sending()
    response = Response(_texts(closer, stream, greeting), mimetype="text/event-stream")
    response.call_on_close(closer.close)
    return response


def _texts(closer: ExitStack, stream: Stream, greeting: str) -> Iterator[str]:
    with closer:
        yield greeting
        yield from stream.texts()


def _health() -> str:
    return message("health", [state.as_json() for state in services().health.states()])


def _limit_sending() -> None:
    """A browser that takes no more data must not hold its thread for ever."""
    if "gunicorn.socket" in request.environ:
        request.environ["gunicorn.socket"].settimeout(SEND_TIMEOUT_S)
