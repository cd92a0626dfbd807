"""Which rows break an expectation? Over the rows of a batch, as Arrow."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from contracts.expectations import Between, Expectation, NotNull, OneOf, References

Counts = Callable[[pa.Array], dict[str, int]]
"""How many rows of the table in question have each of these values."""


def breaches(expectation: Expectation, rows: pa.Table, counts: Counts) -> pa.ChunkedArray:
    """True for each of `rows` that breaks `expectation`, false for the others. `counts` answers about other rows."""
    values = rows[expectation.column]
    if isinstance(expectation, NotNull):
        return pc.is_null(values)
    if isinstance(expectation, Between):
        return _outside(values, expectation)
    if isinstance(expectation, OneOf):
        return _missing(values, expectation.values)
    found = counts(pc.unique(values.drop_null()))
    if isinstance(expectation, References):
        return _missing(values, tuple(found))
    return _in(values, tuple(value for value, rows_with_it in found.items() if rows_with_it > 1))


def _outside(values: pa.ChunkedArray, bounds: Between) -> pa.ChunkedArray:
    below = pc.less(values, bounds.low) if bounds.low is not None else pc.and_(pc.is_null(values), False)
    above = pc.greater(values, bounds.high) if bounds.high is not None else pc.and_(pc.is_null(values), False)
    return pc.fill_null(pc.or_(below, above), False)


def _missing(values: pa.ChunkedArray, accepted: tuple[str, ...]) -> pa.ChunkedArray:
    return pc.and_(pc.is_valid(values), pc.invert(_in(values, accepted)))


def _in(values: pa.ChunkedArray, accepted: tuple[str, ...]) -> pa.ChunkedArray:
    return pc.is_in(values, value_set=pa.array(accepted, values.type))
