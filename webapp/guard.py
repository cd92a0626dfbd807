"""Who may talk to the web app. A lab on localhost can be reached from every page a person opens elsewhere."""

from flask import Flask, Response, abort, request

from contracts.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """The Host headers under which this machine is asked; another name that leads here is an attack (rebinding)."""
    port = settings.port("web")
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]", settings.host))


def install(app: Flask, settings: Settings) -> None:
    """Check Host on every request and Origin on every unsafe one, and put security headers on every answer."""
    hosts = allowed_hosts(settings)

    def check() -> None:
        if request.host not in hosts:
            abort(403, f"Host {request.host!r} is not served here; use {settings.web_url}")
        if request.method not in SAFE_METHODS:
            _check_origin()

    def add_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(check)
    app.after_request(add_headers)


def _check_origin() -> None:
    """A browser names the page's origin in an unsafe request; programs name none."""
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        abort(403, f"a page of {origin[:100]!r} may not do this here")
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        abort(403, "another site's page may not do this here")
