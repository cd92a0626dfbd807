"""HTTP Basic authentication for the whole API, where users are configured."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

_OPEN = ("/chc/live", "/chc/ready")


class BasicAuth:
    """Passes requests of known users on; others get 401 with ksqlDB's error code 40100."""

    def __init__(self, app: ASGIApp, users: Mapping[str, str]) -> None:
        """Guard `app`; `users` are passwords by name."""
        self._app, self._users = app, users

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket") or scope["path"] in _OPEN or self._known(dict(scope["headers"])):
            await self._app(scope, receive, send)
            return
        body = {"@type": "generic_error", "error_code": 40100, "message": "Unauthorized"}
        headers = [(b"content-type", b"application/json"), (b"www-authenticate", b'Basic realm="ksql"')]
        kind = "http" if scope["type"] == "http" else "websocket.http"
        await send({"type": f"{kind}.response.start", "status": 401, "headers": headers})
        await send({"type": f"{kind}.response.body", "body": json.dumps(body).encode()})

    def _known(self, headers: Mapping[bytes, bytes]) -> bool:
        kind, _, coded = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() != b"basic":
            return False
        try:
            name, _, password = base64.b64decode(coded, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        wanted = self._users.get(name, "")
        return bool(wanted) and hmac.compare_digest(wanted.encode(), password.encode())
