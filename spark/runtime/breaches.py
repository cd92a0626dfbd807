"""Which rows break an expectation? Over the rows of a batch, as Arrow."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from contracts.expectations import Between, Expectation, NotNull, OneOf, References

Keys = Callable[[pa.Array, int], pa.ChunkedArray]
"""Which of these values at least so many rows of the table in question have. Others may be among them."""


def breaches(expectation: Expectation, rows: pa.Table, keys: Keys) -> pa.ChunkedArray:
    """True for each of `rows` that breaks `expectation`, false for the others. `keys` answers about other rows."""
    values = rows[expectation.column]
    if isinstance(expectation, NotNull):
        return pc.is_null(values)
    if isinstance(expectation, Between):
        return _outside(values, expectation)
    if isinstance(expectation, OneOf):
        return _missing(values, pa.array(expectation.values, values.type))
    asked = pc.unique(values.drop_null())
    if isinstance(expectation, References):
        return _missing(values, keys(asked, 1))
    return pc.is_in(values, value_set=keys(asked, 2))


def _outside(values: pa.ChunkedArray, bounds: Between) -> pa.ChunkedArray:
    below = pc.less(values, bounds.low) if bounds.low is not None else pc.and_(pc.is_null(values), False)
    above = pc.greater(values, bounds.high) if bounds.high is not None else pc.and_(pc.is_null(values), False)
    return pc.fill_null(pc.or_(below, above), False)


def _missing(values: pa.ChunkedArray, accepted: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, value_set=accepted)))
