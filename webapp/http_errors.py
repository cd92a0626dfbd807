"""Errors as answers: JSON for programs, a page for people, never a stack trace."""

import logging

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from webapp.commands.errors import PublishError
from webapp.errors import BadInput, RedisUnavailable, TooManyStreams, UnknownCustomer

LOG = logging.getLogger(__name__)


def wants_json() -> bool:
    """Whether the request comes from a program or a script of the page."""
    return request.path.startswith("/api/") or request.accept_mimetypes.best == "application/json"


def problem(status: int, error: str, reason: str) -> Response:
    """An error's answer: `error` is a fixed word for programs, `reason` is for people."""
    if wants_json():
        answer = jsonify(error=error, reason=reason)
    else:
        answer = make_response(render_template("error.html", status=status, reason=reason))
    answer.status_code = status
    return answer


def install(app: Flask) -> None:
    """Turn every error of the web app into an answer."""
    app.register_error_handler(BadInput, lambda error: problem(400, "bad_input", str(error)))
    app.register_error_handler(UnknownCustomer, lambda error: problem(404, "unknown_customer", str(error)))
    app.register_error_handler(RedisUnavailable, lambda error: problem(503, "redis_unavailable", str(error)))
    app.register_error_handler(TooManyStreams, lambda error: problem(503, "too_many_streams", str(error)))
    app.register_error_handler(PublishError, _not_published)
    app.register_error_handler(CSRFError, lambda error: problem(400, "csrf", f"{error.description} Reload the page."))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unforeseen)


def _not_published(error: PublishError) -> Response:
    if error.outcome_unknown:
        return problem(503, "outcome_unknown", f"It may or may not have been sent: {error}")
    return problem(503, "not_sent", f"Nothing was sent: {error}")


def _http(error: HTTPException) -> Response:
    answer = problem(error.code or 500, error.name.lower().replace(" ", "_"), error.description or error.name)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            answer.headers[name] = value
    return answer


def _unforeseen(error: Exception) -> Response:
    LOG.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem(500, "internal", "Something failed here that should not have; the web app's log says what.")
