"""How customers are found: the terms of a customer, and the entries of the search index. Pure."""

from collections.abc import Mapping
from typing import Any

SEPARATOR = "\0"


def normalised(text: str) -> str:
    """Text as the index holds it and as a query is compared: lower case, single spaces, no NUL."""
    return " ".join(text.replace(SEPARATOR, " ").lower().split())


def terms(row: Mapping[str, Any]) -> list[str]:
    """First name, last name, full name and e-mail of a customer's row, normalised, without empty ones and repeats."""
    first, last, email = (normalised(str(row.get(name) or "")) for name in ("first_name", "last_name", "email"))
    return [term for term in dict.fromkeys((first, last, f"{first} {last}".strip(), email)) if term]


def index_entries(customer_id: str, row: Mapping[str, Any]) -> list[str]:
    """The members of the search index for a customer: `term NUL customer_id`."""
    return [f"{term}{SEPARATOR}{customer_id}" for term in terms(row)]


def split_entry(entry: str) -> tuple[str, str]:
    """Term and customer id of a member of the search index."""
    term, _, customer_id = entry.rpartition(SEPARATOR)
    return term, customer_id
