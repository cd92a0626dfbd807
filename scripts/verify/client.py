"""The page's API, as a program sees it."""

from collections.abc import Iterator
from typing import Any

import requests

from scripts.verify.errors import ActionFailed, PageDown

TIMEOUT_S = 15.0
STREAM_TIMEOUT_S = 60.0


class Page:
    """The page at `url`.

    Every method raises PageDown when it does not answer.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create a customer; the answer holds customer_id, event_id and the event.

        Raises:
            ActionFailed: the page refused.
        """
        return self._post("/api/customers", body)

    def order(self, customer_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Add an order. Raises ActionFailed when the page refused."""
        return self._post(f"/api/customers/{customer_id}/orders", body)

    def engage(self, customer_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Engage the customer. Raises ActionFailed when the page refused."""
        return self._post(f"/api/customers/{customer_id}/engagements", body)

    def customer(self, customer_id: str) -> dict[str, Any]:
        """What the views say of the customer; {} while the page does not know the customer or a view is down."""
        try:
            answer = self._session.get(f"{self.url}/api/customers/{customer_id}", timeout=TIMEOUT_S)
            found = answer.json() if answer.ok else {}
        except requests.JSONDecodeError:
            return {}
        except requests.RequestException as error:
            raise PageDown(f"the page at {self.url} does not answer: {error}") from error
        return found if isinstance(found, dict) else {}

    def events(self) -> Iterator[str]:
        """The lines of the event stream, from the moment it is open (a first empty line says so).

        Ends when the stream ends or is not to be had.
        """
        try:
            with requests.get(
                f"{self.url}/events",
                stream=True,
                timeout=(TIMEOUT_S, STREAM_TIMEOUT_S),
                headers={"Accept": "text/event-stream"},
            ) as answer:
                if answer.ok:
                    yield ""
                    # each piece as it arrives; waiting for a full block would hold an event back
                    for line in answer.iter_lines(chunk_size=None):
                        yield line.decode("utf-8", "replace")
        except requests.RequestException:
            return

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._session.post(self.url + path, json=body, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            raise PageDown(f"the page at {self.url} does not answer: {error}") from error
        if not answer.ok:
            raise ActionFailed(f"POST {path}: {answer.status_code} {answer.text.strip()[:300]}")
        found: dict[str, Any] = answer.json()
        return found
