"""Reading the Redis views."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import redis

from contracts.model import View
from scripts.audit.errors import CannotAudit

BATCH = 500


class Cache:
    """The Redis the page reads. Only reads it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._redis = redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=5)

    def ids(self, view: View) -> set[str]:
        """The row ids that `view` has an entry of."""
        head, _, tail = view.key.partition("{id}")
        with _answering(self._url):
            keys = self._redis.scan_iter(match=f"{head}*{tail}", count=1_000)
            return {key.decode()[len(head) : len(key.decode()) - len(tail)] for key in keys}

    def rows(self, view: View, ids: Iterable[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """(id, envelope) for each id, None where there is no entry; something that is no JSON is {}."""
        batch: list[str] = []
        for row_id in ids:
            batch.append(row_id)
            if len(batch) == BATCH:
                yield from self._fetch(view, batch)
                batch = []
        if batch:
            yield from self._fetch(view, batch)

    def _fetch(self, view: View, ids: list[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
        with _answering(self._url):
            values: Any = self._redis.mget([view.key_for(row_id) for row_id in ids])
        for row_id, value in zip(ids, values, strict=True):
            yield row_id, None if value is None else _envelope(value)

    def members(self, view: View) -> list[str]:
        """All members of a sorted set."""
        with _answering(self._url):
            found: Any = self._redis.zrange(view.key, 0, -1)
            return [member.decode("utf-8", "replace") for member in found]

    def fields(self, view: View) -> dict[str, str]:
        """All fields of a hash."""
        with _answering(self._url):
            found: Any = self._redis.hgetall(view.key)
            return {name.decode(): value.decode() for name, value in found.items()}


def _envelope(value: bytes) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class _answering:  # noqa: N801 - reads as a phrase: with _answering(url)
    """Turns Redis's connection errors into `CannotAudit`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, redis.RedisError):
            raise CannotAudit(f"Redis at {self._url} does not answer ({error})", "make up") from error
