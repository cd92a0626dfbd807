"""How this package's processes connect to Redis."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from contracts.settings import Settings

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 3.0


Client = Any
"""A redis.Redis that answers text; its types would say bytes or text, now or later, to every answer."""


def connect(settings: Settings, connections: int) -> Client:
    """A client of at most `connections` connections; it connects at the first command.

    It never repeats a command by itself: after a lost connection the caller must look at what Redis holds first.
    """
    pool = redis.BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=connections,
        timeout=2,
        decode_responses=True,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis(connection_pool=pool)


def why(error: RedisError, settings: Settings) -> str:
    """What a person should read about `error`."""
    text = str(error)
    if text.startswith("OOM") or "maxmemory" in text:
        return f"Redis is full: raise LAB_REDIS_MAX_MB (now {settings.redis_max_mb})"
    return f"Redis at {settings.redis_url} does not answer: {text or type(error).__name__}"
