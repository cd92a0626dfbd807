"""The schema behind a schema id, asked from the registry once."""

import json
from concurrent.futures import ThreadPoolExecutor

import fastavro
import requests
from fastavro.schema import SchemaParseException, UnknownType

from spark.runtime.errors import DependencyDown

ANSWER_WITHIN_S = 5.0
ASK_AT_ONCE = 8
MAX_ID = 2**31 - 1


class SchemaIds:
    """Writer schemas by id. A schema never changes, so a found one is kept; an unknown id is asked for again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = requests.Session()
        self._known: dict[int, str | None] = {}

    def known(self) -> dict[int, str | None]:
        """Every schema found so far, as JSON; None for a schema that is not Avro."""
        return dict(self._known)

    def learn(self, ids: set[int]) -> set[int]:
        """Ask for `ids`; those among them that the registry says it does not have.

        Raises:
            DependencyDown: the registry gave no definite answer for one of them.
        """
        wanted = sorted(ids - self._known.keys())
        with ThreadPoolExecutor(ASK_AT_ONCE) as pool:
            found = list(pool.map(self._ask, wanted))
        return {number for number, is_there in zip(wanted, found, strict=True) if not is_there}

    def _ask(self, number: int) -> bool:
        if not 0 <= number <= MAX_ID:
            return False
        address = f"{self._url}/schemas/ids/{number}"
        try:
            answer = self._http.get(address, timeout=ANSWER_WITHIN_S)
        except requests.RequestException as error:
            raise DependencyDown(f"the schema registry does not answer: {error}") from error
        if answer.status_code == 404 and _is_definite(answer):
            return False
        if answer.status_code != 200:
            raise DependencyDown(f"the schema registry answers {answer.status_code} for {address}")
        body = answer.json()
        self._known[number] = _avro(body["schema"]) if body.get("schemaType", "AVRO") == "AVRO" else None
        return True


def _is_definite(answer: requests.Response) -> bool:
    """Whether a 404 comes from the registry itself and not from a server that is still starting."""
    try:
        return "error_code" in answer.json()
    except ValueError:
        return False


def _avro(text: str) -> str | None:
    """`text` when it is an Avro schema."""
    try:
        fastavro.parse_schema(json.loads(text))
    except (ValueError, SchemaParseException, UnknownType):
        return None
    return text
