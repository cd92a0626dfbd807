"""How good are the tables? What the lakehouse counted so far, or a count of what is in the tables now."""

from dataclasses import asdict, dataclass
from typing import Any

from contracts.expectations import Between, Expectation, NotNull, OneOf, References, Unique
from contracts.model import Table
from scripts.lakehouse.store import Store, literal, query

COUNTED = """
    SELECT "table", expectation, outcome, sum(checked) AS checked, sum(violated) AS violated,
        max(counted_at_ms) AS counted_at_ms, max(counted_at_ms) FILTER (WHERE violated > 0) AS violated_at_ms,
        first_value(examples ORDER BY counted_at_ms DESC) FILTER (WHERE violated > 0) AS examples
    FROM counts GROUP BY "table", expectation, outcome
"""


@dataclass(frozen=True)
class Quality:
    """One expectation of one table: rows checked, rows that broke it, what became of those; times in ms."""

    table: str
    expectation: str
    outcome: str
    checked: int
    violated: int
    counted_at_ms: int | None
    violated_at_ms: int | None = None
    examples: list[str] | None = None


def counted(store: Store, table: Table) -> list[Quality]:
    """The sums of all counts in `table`, in the order in which tables and expectations are declared."""
    rows = [Quality(**row) for row in query(COUNTED, counts=store.open(table))]
    order = {
        (each.full_name, str(expectation)): (place, number)
        for place, each in enumerate(store.lab.tables)
        for number, expectation in enumerate(each.expects)
    }
    places = {each.full_name: place for place, each in enumerate(store.lab.tables)}
    last = len(places)
    return sorted(
        rows,
        key=lambda row: (*order.get((row.table, row.expectation), (places.get(row.table, last), 0)), row.expectation),
    )


def counted_now(store: Store, now_ms: int) -> list[Quality]:
    """Every declared expectation against all rows that its table holds now."""
    found = []
    for table in store.made():
        for expectation in table.expects:
            checked, violated = _count(store, table, expectation)
            found.append(Quality(table.full_name, str(expectation), "flagged", checked, violated, now_ms))
    return found


def _count(store: Store, table: Table, expectation: Expectation) -> tuple[int, int]:
    tables = {"found": store.open(table)}
    if isinstance(expectation, References):
        tables["others"] = store.open(expectation.table)
    (checked,) = query("SELECT count(*) AS n FROM found", **tables)
    (violated,) = query(f"SELECT count(*) AS n FROM found WHERE {_broken(expectation)}", **tables)  # noqa: S608 - names and values of the contract
    return checked["n"], violated["n"]


def _broken(expectation: Expectation) -> str:
    """What is true for a row of `found` that breaks the expectation."""
    column = f'"{expectation.column}"'
    if isinstance(expectation, NotNull):
        return f"{column} IS NULL"
    if isinstance(expectation, Between):
        bounds = [f"{column} < {expectation.low}"] if expectation.low is not None else []
        bounds += [f"{column} > {expectation.high}"] if expectation.high is not None else []
        return " OR ".join(bounds)
    if isinstance(expectation, OneOf):
        return f"{column} NOT IN ({', '.join(map(literal, expectation.values))})"
    if isinstance(expectation, References):
        return f'{column} IS NOT NULL AND {column} NOT IN (SELECT "{expectation.key}" FROM others)'  # noqa: S608 - as above
    return _repeated(expectation)


def _repeated(expectation: Unique) -> str:
    column = f'"{expectation.column}"'
    return f"{column} IN (SELECT {column} FROM found GROUP BY {column} HAVING count(*) > 1)"  # noqa: S608 - as above


def as_json(rows: list[Quality]) -> list[dict[str, Any]]:
    """The rows for programs."""
    return [asdict(row) for row in rows]
