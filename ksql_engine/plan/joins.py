"""JOIN: sources joined from left to right, each step by the rules of streams and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ksql_engine.dialect import ast
from ksql_engine.dialect.statements import JoinClause, SourceRef
from ksql_engine.dialect.text import expression_text
from ksql_engine.errors import StatementError
from ksql_engine.expressions.compiler import Compiler
from ksql_engine.expressions.rows import Projection, compile_projection
from ksql_engine.expressions.scope import Scope, ScopeColumn
from ksql_engine.functions.registry import FunctionRegistry
from ksql_engine.plan.format_rules import check_key_types
from ksql_engine.plan.join_conditions import (
    KIND_TEXT,
    Condition,
    check_partitions,
    check_sources,
    check_windows,
    implicit_repartition,
    read_condition,
)
from ksql_engine.plan.model import (
    PSEUDO,
    STREAM,
    TABLE,
    WINDOW_BOUNDS,
    Column,
    ForeignJoinStep,
    SideStep,
    Source,
    SourceStep,
    Step,
    StreamJoinStep,
    StreamTableJoinStep,
    TableJoinStep,
)
from ksql_engine.plan.relation import Relation
from ksql_engine.types import BIGINT, SqlType

SYNTHETIC_KEY = "ROWKEY"


@dataclass(frozen=True)
class _Rows:
    """What is joined so far: rows whose value holds all columns, of every source key and window bounds first.

    `equal` are the expressions joined on under the present key, from the left; `exact` those of them that have the
    key's value in every row, also in one that an outer join filled with nulls. `leaf` marks a single source,
    `repartitioned` rows whose partition is not their source's.
    """

    step: Step
    columns: tuple[ScopeColumn, ...]
    kind: str
    left: Source
    alias: str
    keys: tuple[Column, ...]
    equal: tuple[ast.Expr, ...]
    exact: tuple[ast.Expr, ...]
    leaf: bool = True
    repartitioned: bool = False
    synthetic: bool = False
    foreign: bool = False


def join_sources(
    sources: Sequence[tuple[SourceRef, Source]], joins: Sequence[JoinClause], functions: FunctionRegistry, pseudo: bool
) -> Relation:
    """Return the rows of `sources[0] JOIN sources[1] ..`; with `pseudo` they carry the pseudo columns.

    Raises StatementError when a join is not allowed.
    """
    check_sources([source for _, source in sources], [ref.alias for ref, _ in sources])
    leaves = [_leaf(ref.alias, source, pseudo) for ref, source in sources]
    planner = _Planner(leaves, functions)
    conditions = [
        read_condition(join, planner.names, [leaf.alias for leaf in leaves[: place + 1]])
        for place, join in enumerate(joins)
    ]
    rows = leaves[0]
    for leaf, join, condition in zip(leaves[1:], joins, conditions, strict=True):
        rows = planner.joined(_Join(rows, leaf, join, condition))
    return _relation(rows)


def _leaf(alias: str, source: Source, pseudo: bool) -> _Rows:
    schema = source.schema
    held = [ScopeColumn(alias, column.name, column.type, "", is_key=True) for column in schema.key]
    held += [ScopeColumn(alias, name, BIGINT, "") for name in WINDOW_BOUNDS] if source.window else []
    held += [ScopeColumn(alias, column.name, column.type, "") for column in source.row_columns]
    held += [ScopeColumn(alias, name, kind, "", hidden=True) for name, kind in PSEUDO] if pseudo else []
    columns = tuple(replace(column, code=f"v[{place}]") for place, column in enumerate(held))
    key = (ast.ColumnRef(alias, schema.key[0].name),) if len(schema.key) == 1 else ()
    return _Rows(SourceStep(source, pseudo), columns, source.kind, source, alias, schema.key, key, key)


def _relation(rows: _Rows) -> Relation:
    """Return the result as a SELECT sees it: a made-up key comes first."""
    viable: tuple[tuple[ast.ColumnRef, ...], ...]
    if rows.foreign:
        viable = tuple((ast.ColumnRef(rows.alias, column.name),) for column in rows.keys)
    else:
        viable = (tuple(expr for expr in rows.equal if isinstance(expr, ast.ColumnRef)),)
    key = rows.keys[0]
    made_up: tuple[ScopeColumn, ...] = ()
    if rows.synthetic:
        viable = ((ast.ColumnRef(None, key.name),),)
        made_up = (ScopeColumn(None, key.name, key.type, "k[0]", is_key=True),)
    return Relation(
        rows.step,
        Scope([*made_up, *rows.columns]),
        rows.kind,
        rows.keys,
        rows.left,
        joined=True,
        window=rows.left.window,
        viable=viable,
        synthetic=rows.synthetic,
        foreign=rows.foreign,
    )


@dataclass(frozen=True)
class _Join:
    """One join of what is `left` so far with the source `right`."""

    left: _Rows
    right: _Rows
    clause: JoinClause
    on: Condition

    @property
    def kind(self) -> str:
        return self.clause.kind

    @property
    def repartitioned(self) -> bool:
        """Whether rows leave their sources' partitions to meet."""
        left, right = self.left, self.right
        moved = left.repartitioned or self.on.left not in left.exact or self.on.right not in right.exact
        return moved or left.left.key_format != right.left.key_format

    @property
    def columns(self) -> tuple[ScopeColumn, ...]:
        """The columns of both, those of the right after those of the left."""
        width = len(self.left.columns)
        moved = [replace(column, code=f"v[{width + place}]") for place, column in enumerate(self.right.columns)]
        return (*self.left.columns, *moved)


class _Planner:
    """Plans one join after another; `names` has the columns of all sources."""

    def __init__(self, leaves: Sequence[_Rows], functions: FunctionRegistry) -> None:
        self.names = Scope(column for leaf in leaves for column in leaf.columns)
        self._functions = functions
        taken = {column.name for column in self.names.columns}
        free = [SYNTHETIC_KEY, *(f"{SYNTHETIC_KEY}_{count}" for count in range(1, len(taken) + 1))]
        self._synthetic = next(name for name in free if name not in taken)

    def joined(self, join: _Join) -> _Rows:
        """Return the rows of a join."""
        left, right = join.left, join.right
        if left.kind == TABLE and right.kind == STREAM:
            raise StatementError(
                f"Invalid join order: table-stream joins are not supported; only stream-table joins. "
                f"Got {left.left.name} {KIND_TEXT[join.kind]} {right.left.name}."
            )
        if left.kind == TABLE:
            return self._tables(join)
        return self._stream_table(join) if right.kind == TABLE else self._streams(join)

    def _streams(self, join: _Join) -> _Rows:
        key_type = self._check_types(join)
        if join.clause.within is None:
            raise StatementError(
                "Stream-Stream joins must have a WITHIN clause specified. None was provided. "
                "To learn about how to specify a WITHIN clause with a stream-stream join, please visit: "
                "https://docs.confluent.io/current/ksql/docs/syntax-reference.html#create-stream-as-select"
            )
        _check_topics(join)
        left, right = self._sides(join)
        widths = (len(join.left.columns), len(join.right.columns))
        step = StreamJoinStep(
            left, right, join.kind, widths, *join.clause.within, join.clause.grace, join.repartitioned
        )
        return self._rekeyed(join, key_type, step)

    def _stream_table(self, join: _Join) -> _Rows:
        if join.on.right not in join.right.equal:
            raise StatementError(
                f"Invalid join condition: stream-table joins require to join on the table's primary key. "
                f"Got {join.on.text}."
            )
        key_type = self._check_types(join)
        if join.kind in ("RIGHT", "FULL"):
            raise StatementError(f"{join.kind.capitalize()} outer joins between streams and tables are not supported.")
        _check_unwindowed(join.clause, "Stream-Table")
        _check_topics(join)
        stream, table = self._sides(join)
        return self._rekeyed(join, key_type, StreamTableJoinStep(stream, table, join.kind, len(join.right.columns)))

    def _tables(self, join: _Join) -> _Rows:
        left, on = join.left, join.on
        if on.right not in join.right.equal:
            raise StatementError(
                f"Invalid join condition: table-table joins require to join on the primary key of the right input "
                f"table. Got {on.text}."
            )
        key_type = self._check_types(join)
        _check_unwindowed(join.clause, "Table-Table")
        if on.left not in left.equal:
            return self._foreign(join)
        if on.left not in left.exact:
            raise StatementError(
                f"Cannot repartition a TABLE source. If this is a join, make sure that the criteria uses the TABLE's "
                f"key column {left.keys[0].name} instead of {expression_text(on.left)}"
            )
        _check_topics(join)
        return self._rekeyed(join, key_type, self._table_step(join))

    def _table_step(self, join: _Join) -> TableJoinStep:
        """Return the join of all tables so far: one step keeps them all, however many there are."""
        first, second = self._sides(join)
        width = len(join.right.columns)
        if isinstance(first, TableJoinStep):
            return TableJoinStep((*first.inputs, second), (*first.kinds, join.kind), (*first.widths, width))
        return TableJoinStep((first, second), (join.kind,), (len(join.left.columns), width))

    def _foreign(self, join: _Join) -> _Rows:
        left, right = join.left, join.right
        if not left.leaf:
            raise StatementError(
                f"Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins. "
                f"Got {join.on.text}."
            )
        if join.kind in ("RIGHT", "FULL"):
            raise StatementError(f"{join.kind} OUTER JOIN on a foreign key is not supported")
        if left.left.window is not None or right.left.window is not None:
            raise StatementError("Foreign-key table-table joins are not supported on windowed tables.")
        step = ForeignJoinStep(
            SideStep(left.step, whole=True, key=None, table=True),
            SideStep(right.step, whole=True, key=None, table=True),
            self._key(left, join.on.left),
            join.kind,
            len(right.columns),
            join.on.text,
        )
        return replace(left, step=step, columns=join.columns, leaf=False, foreign=True)

    def _sides(self, join: _Join) -> tuple[Step, Step]:
        return self._side(join.left, join.on.left), self._side(join.right, join.on.right)

    def _side(self, rows: _Rows, expr: ast.Expr) -> Step:
        """Return `rows` under the key `expr`: the one they have, or a new one of a stream."""
        if expr in rows.exact:
            return SideStep(rows.step, whole=True, key=None, table=rows.kind == TABLE) if rows.leaf else rows.step
        if rows.left.window is not None:
            raise implicit_repartition()
        return SideStep(rows.step, rows.leaf, self._key(rows, expr), table=False)

    def _key(self, rows: _Rows, expr: ast.Expr) -> Projection:
        compiler = Compiler(Scope(rows.columns), self._functions)
        return compile_projection(compiler, [("join key", compiler.code(expr))])

    def _check_types(self, join: _Join) -> SqlType:
        """Return the type that both sides of ON have. Raises StatementError when they have different ones."""
        shown, types = {}, []
        for rows, expr in ((join.left, join.on.left), (join.right, join.on.right)):
            kind = Compiler(Scope(rows.columns), self._functions).code(expr).type
            types.append(kind)
            shown[expr] = f"{expression_text(expr)}{{{kind}}}"
        if types[0] != types[1]:
            got = " = ".join(shown[expr] for expr in join.on.written)
            raise StatementError(f"Invalid join condition: types don't match. Got {got}.")
        return types[0]

    def _rekeyed(self, join: _Join, key_type: SqlType, step: Step) -> _Rows:
        """Return the joined rows under the key that both sides are joined on."""
        left, on = join.left, join.on
        equal = (*(left.equal if on.left in left.equal else (on.left,)), on.right)
        kept = left.exact if on.left in left.exact else (on.left,)
        exact = {"INNER": (*kept, on.right), "LEFT": kept, "RIGHT": (on.right,), "FULL": ()}[join.kind]
        named = [expr for expr in equal if isinstance(expr, ast.ColumnRef)]
        if join.kind == "RIGHT":
            named.sort(key=lambda expr: expr != on.right)
        synthetic = join.kind == "FULL" or not named
        name = self._synthetic if synthetic else f"{named[0].source}_{named[0].name}"
        keys = (Column(name, key_type),)
        check_key_types(keys)
        return replace(
            left,
            step=step,
            columns=join.columns,
            keys=keys,
            equal=equal,
            exact=exact,
            leaf=False,
            repartitioned=join.repartitioned,
            synthetic=synthetic,
            foreign=False,
        )


def _check_topics(join: _Join) -> None:
    check_partitions(join.left.left, join.right.left)
    check_windows(join.left.left, join.right.left)


def _check_unwindowed(join: JoinClause, what: str) -> None:
    if join.within is not None:
        raise StatementError(
            f"A window definition was provided for a {what} join. These joins are not windowed. "
            f"Please drop the window definition (ie. the WITHIN clause) and try to execute your join again."
        )
