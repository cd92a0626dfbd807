"""Aggregate functions (ksqlDB reference): how a state starts, takes a value in, and takes it back.

A state is immutable data (numbers, text, tuples), so an old state can be kept while a new one is made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ksql_engine.errors import StatementError
from ksql_engine.expressions.arithmetic import CONTEXT, fit_decimal, wrap32, wrap64
from ksql_engine.types import BIGINT, DOUBLE, SqlType, array_type, is_number, map_type, struct_type
from ksql_engine.types import STRING as STRING_TYPE

COLLECT_LIMIT: Final = 1000


@dataclass(frozen=True)
class Aggregator:
    """One aggregate call made ready: `add(state, value) -> state`, `undo` takes a value back, `result` shows the state.

    `undo` None means: not for tables. `values` says how many leading arguments are passed: none, one as it is, several
    as a tuple. The arguments after them are constants.
    """

    returns: SqlType
    initial: Any
    add: Callable[[Any, Any], Any]
    undo: Callable[[Any, Any], Any] | None = None
    result: Callable[[Any], Any] | None = None
    values: int = 1


Resolver = Callable[[Sequence[SqlType], Sequence[Any]], Aggregator]


@dataclass(frozen=True)
class AggregateFunction:
    """A function from many rows to a value. `resolve(types, constants)` returns the aggregator for a call.

    `constants` holds the value of each argument that is a literal, else None. Raises StatementError when the
    arguments do not fit.
    """

    name: str
    description: str
    resolve: Resolver


def _refuse(name: str, types: Sequence[SqlType]) -> StatementError:
    shown = ", ".join(str(kind) for kind in types)
    return StatementError(f"Function '{name}' does not accept parameters ({shown}).")


def _count(types: Sequence[SqlType], constants: Sequence[Any]) -> Aggregator:
    if not types or constants[0] is not None:
        return Aggregator(BIGINT, 0, lambda state, _: state + 1, lambda state, _: state - 1, values=0)
    return Aggregator(
        BIGINT,
        0,
        lambda state, value: state if value is None else state + 1,
        lambda state, value: state if value is None else state - 1,
    )


def _sum(types: Sequence[SqlType], _constants: Sequence[Any]) -> Aggregator:
    if len(types) != 1 or not is_number(types[0]):
        raise _refuse("SUM", types)
    kind = types[0]
    fit = _fitter(kind)
    zero: Any = {"DOUBLE": 0.0, "DECIMAL": Decimal(0).scaleb(-kind.scale)}.get(kind.base, 0)
    return Aggregator(
        kind,
        zero,
        lambda state, value: state if value is None else fit(state + value),
        lambda state, value: state if value is None else fit(state - value),
    )


def _fitter(kind: SqlType) -> Callable[[Any], Any]:
    if kind.base == "INTEGER":
        return wrap32
    if kind.base == "BIGINT":
        return wrap64
    if kind.base == "DECIMAL":
        return lambda value: fit_decimal(value, kind.precision, kind.scale)
    return float


def _avg(types: Sequence[SqlType], _constants: Sequence[Any]) -> Aggregator:
    if len(types) != 1 or not is_number(types[0]):
        raise _refuse("AVG", types)
    fit = _fitter(types[0]) if types[0].base != "DECIMAL" else CONTEXT.plus
    zero: Any = Decimal(0) if types[0].base == "DECIMAL" else 0.0 if types[0].base == "DOUBLE" else 0

    def shift(state: Any, value: Any, sign: int) -> Any:
        return state if value is None else (fit(state[0] + sign * value), state[1] + sign)

    return Aggregator(
        DOUBLE,
        (zero, 0),
        lambda state, value: shift(state, value, 1),
        lambda state, value: shift(state, value, -1),
        lambda state: float(state[0]) / state[1] if state[1] else 0.0,
    )


def _extreme(name: str, better: Callable[[Any, Any], Any]) -> Resolver:
    def resolve(types: Sequence[SqlType], _constants: Sequence[Any]) -> Aggregator:
        if len(types) != 1 or types[0].base in ("BOOLEAN", "ARRAY", "MAP", "STRUCT"):
            raise _refuse(name, types)
        return Aggregator(
            types[0],
            None,
            lambda state, value: state if value is None else value if state is None else better(state, value),
        )

    return resolve


def _collect_list(types: Sequence[SqlType], _constants: Sequence[Any]) -> Aggregator:
    if len(types) != 1:
        raise _refuse("COLLECT_LIST", types)

    def undo(state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        for place in range(len(state) - 1, -1, -1):
            if state[place] == value:
                return state[:place] + state[place + 1 :]
        return state

    return Aggregator(
        array_type(types[0]),
        (),
        lambda state, value: (*state, value) if len(state) < COLLECT_LIMIT else state,
        undo,
        list,
    )


def _collect_set(types: Sequence[SqlType], _constants: Sequence[Any]) -> Aggregator:
    if len(types) != 1:
        raise _refuse("COLLECT_SET", types)
    return Aggregator(
        array_type(types[0]),
        (),
        lambda state, value: state if value in state or len(state) >= COLLECT_LIMIT else (*state, value),
        None,
        list,
    )


def _by_offset(name: str, latest: bool) -> Resolver:
    def resolve(types: Sequence[SqlType], constants: Sequence[Any]) -> Aggregator:
        if not 1 <= len(types) <= 3:
            raise _refuse(name, types)
        options = list(constants[1:])
        ignore_nulls = options.pop() if options and isinstance(options[-1], bool) else True
        count = options.pop() if options else None
        if options or (len(types) > 1 and None in constants[1:]):
            raise _refuse(name, types)
        if count is None:
            return _one_by_offset(types[0], latest, ignore_nulls)
        return _several_by_offset(name, types[0], latest, ignore_nulls, count)

    return resolve


def _one_by_offset(kind: SqlType, latest: bool, ignore_nulls: bool) -> Aggregator:
    def add(state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        if (value is None and ignore_nulls) or (state and not latest):
            return state
        return (value,)

    return Aggregator(kind, (), add, None, lambda state: state[0] if state else None)


def _several_by_offset(name: str, kind: SqlType, latest: bool, ignore_nulls: bool, count: int) -> Aggregator:
    if count < 1:
        raise StatementError(f"{name} requires a positive number as its second argument")

    def add(state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        if (value is None and ignore_nulls) or (not latest and len(state) >= count):
            return state
        return (*state, value)[-count:]

    return Aggregator(array_type(kind), (), add, None, list)


def _topk(distinct: bool) -> Resolver:
    name = "TOPKDISTINCT" if distinct else "TOPK"

    def resolve(types: Sequence[SqlType], constants: Sequence[Any]) -> Aggregator:
        if len(types) < 2 or not isinstance(constants[-1], int) or (distinct and len(types) > 2):
            raise _refuse(name, types)
        columns = list(types[:-1])
        return _top(columns, constants[-1], distinct)

    return resolve


def _top(columns: list[SqlType], count: int, distinct: bool) -> Aggregator:
    several = len(columns) > 1
    names = ["sort_col", *(f"col{place}" for place in range(len(columns) - 1))]
    item = struct_type(*zip(names, columns, strict=True)) if several else columns[0]

    def add(state: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        rank = value[0] if several else value
        if rank is None or (distinct and value in state):
            return state
        ranked = sorted((*state, value), key=lambda held: held[0] if several else held, reverse=True)
        return tuple(ranked[:count])

    return Aggregator(array_type(item), (), add, None, list, values=len(columns))


def _histogram(types: Sequence[SqlType], _constants: Sequence[Any]) -> Aggregator:
    if len(types) != 1:
        raise _refuse("HISTOGRAM", types)

    def shift(state: tuple[tuple[Any, int], ...], value: Any, sign: int) -> tuple[tuple[Any, int], ...]:
        counts = dict(state)
        if value not in counts and len(counts) >= COLLECT_LIMIT:
            return state
        counts[value] = counts.get(value, 0) + sign
        return tuple((held, count) for held, count in counts.items() if count > 0)

    return Aggregator(
        map_type(STRING_TYPE, BIGINT),
        (),
        lambda state, value: shift(state, value, 1),
        lambda state, value: shift(state, value, -1),
        dict,
    )


def _count_distinct(types: Sequence[SqlType], _constants: Sequence[Any]) -> Aggregator:
    if len(types) != 1:
        raise _refuse("COUNT_DISTINCT", types)
    return Aggregator(
        BIGINT,
        frozenset(),
        lambda state, value: state if value is None else state | {value},
        None,
        len,
    )


def _sum_list(types: Sequence[SqlType], constants: Sequence[Any]) -> Aggregator:
    if len(types) != 1 or types[0].base != "ARRAY" or types[0].item is None:
        raise _refuse("SUM_LIST", types)
    inner = _sum([types[0].item], constants)

    def add(state: Any, value: Any) -> Any:
        for held in value or ():
            state = inner.add(state, held)
        return state

    return Aggregator(inner.returns, inner.initial, add)


AGGREGATES: Final[tuple[AggregateFunction, ...]] = (
    AggregateFunction("COUNT", "The number of rows, or of values that are not null.", _count),
    AggregateFunction("SUM", "The sum.", _sum),
    AggregateFunction("AVG", "The average.", _avg),
    AggregateFunction("MIN", "The least value.", _extreme("MIN", min)),
    AggregateFunction("MAX", "The greatest value.", _extreme("MAX", max)),
    AggregateFunction("COLLECT_LIST", "All values as an array.", _collect_list),
    AggregateFunction("COLLECT_SET", "The distinct values as an array.", _collect_set),
    AggregateFunction("EARLIEST_BY_OFFSET", "The first value.", _by_offset("EARLIEST_BY_OFFSET", latest=False)),
    AggregateFunction("LATEST_BY_OFFSET", "The last value.", _by_offset("LATEST_BY_OFFSET", latest=True)),
    AggregateFunction("TOPK", "The greatest k values.", _topk(distinct=False)),
    AggregateFunction("TOPKDISTINCT", "The greatest k distinct values.", _topk(distinct=True)),
    AggregateFunction("HISTOGRAM", "How often each value occurs.", _histogram),
    AggregateFunction("COUNT_DISTINCT", "The number of distinct values.", _count_distinct),
    AggregateFunction("SUM_LIST", "The sum over all items of arrays.", _sum_list),
)
