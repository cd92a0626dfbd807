"""Avro schemas by the id that records carry, asked from the registry once per id."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import fastavro

from webapp.errors import RegistryUnavailable

TIMEOUT_S = 3.0


class SchemaIds:
    """Parsed schemas by id; an id's schema never changes, so each is asked for once."""

    def __init__(self, registry_url: str) -> None:
        self._url = registry_url
        self._known: dict[int, Any] = {}

    def schema(self, schema_id: int) -> Any:
        """The parsed schema of `schema_id`.

        Raises:
            LookupError: the registry does not know the id, or it is no Avro schema.
            RegistryUnavailable: the registry does not answer.
        """
        if schema_id not in self._known:
            self._known[schema_id] = self._ask(schema_id)
        return self._known[schema_id]

    def _ask(self, schema_id: int) -> Any:
        address = f"{self._url}/schemas/ids/{schema_id}"
        try:
            with urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the address is a setting
                found = json.load(answer)
            return fastavro.parse_schema(json.loads(found["schema"]))
        except HTTPError as error:
            if error.code == 404:
                raise LookupError(f"the registry does not know schema id {schema_id}") from error
            raise RegistryUnavailable(f"{address} answers {error.code}") from error
        except (URLError, TimeoutError, ConnectionError) as error:
            raise RegistryUnavailable(f"the schema registry at {self._url} does not answer: {error}") from error
        except (ValueError, KeyError) as error:
            raise LookupError(f"schema id {schema_id} is not Avro: {error}") from error
