"""The arguments of a page of customers. Pure."""

from collections.abc import Mapping

from webapp.errors import BadInput

PAGE_SIZE = 50
MAX_LIMIT = 200
MAX_QUERY = 100


def query_text(args: Mapping[str, str], name: str) -> str:
    """What to search for; "" for all customers.

    Raises:
        BadInput: it is too long.
    """
    text = args.get(name, "").strip()
    if len(text) > MAX_QUERY:
        raise BadInput(f"{name}: {len(text)} characters; at most {MAX_QUERY}")
    return text


def page_limit(args: Mapping[str, str]) -> int:
    """How many customers a page holds.

    Raises:
        BadInput: it is no number, or out of range.
    """
    text = args.get("limit", str(PAGE_SIZE))
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_LIMIT):
        raise BadInput(f"limit: {text[:20]!r} is not a number from 1 to {MAX_LIMIT}")
    return int(text)
