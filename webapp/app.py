"""Puts the web app together: settings, protection, blueprints, errors."""

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from contracts.settings import Settings, load_settings
from webapp import api, guard, health_routes, http_errors, pages, show, stream
from webapp.services import Services, build_services

MAX_BODY_BYTES = 64 * 1024


def make_app(settings: Settings | None, services: Services | None) -> Flask:
    """A Flask app that serves `services`; what is not given comes from the environment."""
    settings = settings or load_settings()
    app = Flask("webapp")
    app.config.update(
        SECRET_KEY=settings.session_key,
        SESSION_COOKIE_NAME=f"lab_{settings.port('web')}",  # cookies do not tell ports apart, two labs would
        SESSION_COOKIE_SAMESITE="Strict",
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        MAX_FORM_PARTS=50,
        WTF_CSRF_TIME_LIMIT=None,
    )
    guard.install(app, settings)
    csrf = CSRFProtect(app)
    csrf.exempt(api.blueprint)  # it takes JSON alone, from no other origin
    for blueprint in (pages.blueprint, api.blueprint, stream.blueprint, health_routes.blueprint):
        app.register_blueprint(blueprint)
    http_errors.install(app)
    app.jinja_env.filters.update(money=show.money, number=show.number, percent=show.percent, age=show.age)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    (services or build_services(settings)).install(app)
    return app
