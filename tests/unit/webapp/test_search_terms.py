"""How customers are found."""

from webapp.search_terms import index_entries, normalised, split_entry, terms


def test_terms_are_lower_case_without_empty_ones_and_repeats() -> None:
    row = {"first_name": "  Ada ", "last_name": "MEYER", "email": "Ada@Example.com"}
    assert terms(row) == ["ada", "meyer", "ada meyer", "ada@example.com"]
    assert terms({"first_name": "Ada", "last_name": None, "email": None}) == ["ada"]
    assert terms({}) == []


def test_an_entry_can_be_taken_apart() -> None:
    row = {"first_name": "A\0b", "last_name": "C"}
    assert [split_entry(entry) for entry in index_entries("id", row)] == [("a b", "id"), ("c", "id"), ("a b c", "id")]


def test_queries_are_compared_in_the_same_form() -> None:
    assert normalised("  ADA   mey") == "ada mey"
