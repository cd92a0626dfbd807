"""Answers as text: entities as tables, rows in columns as wide as the terminal allows."""

import json
import re
import shutil
import textwrap
from collections.abc import Sequence
from typing import Any

_MIN_WIDTH = 8
_COLUMN = re.compile(r"`((?:[^`]|``)+)`")
_LISTS = {
    "streams": ("streams", ("name", "topic", "keyFormat", "valueFormat", "isWindowed")),
    "tables": ("tables", ("name", "topic", "keyFormat", "valueFormat", "isWindowed")),
    "queries": ("queries", ("id", "queryType", "state", "sinks", "queryString")),
    "kafka_topics": ("topics", ("name", "replicaInfo")),
    "kafka_topics_extended": ("topics", ("name", "replicaInfo", "consumerCount", "consumerGroupCount")),
    "properties": ("properties", ("name", "value")),
    "function_names": ("functions", ("name", "type", "category")),
    "variables": ("variables", ("name", "value")),
}


def entity_text(entity: dict[str, Any]) -> str:
    """Return an entity as text for people; one of an unknown kind as JSON."""
    kind = entity.get("@type", "")
    if kind in _LISTS:
        field, columns = _LISTS[kind]
        return table(columns, [[one.get(column) for column in columns] for one in entity.get(field, [])])
    if kind == "currentStatus":
        return str(entity["commandStatus"]["message"])
    if kind in ("warning_entity", "generic_error", "statement_error"):
        return str(entity["message"])
    if kind == "type_list":
        return table(("name", "type"), [[name, shown] for name, shown in entity["types"].items()])
    if kind == "sourceDescription":
        return _source_text(entity["sourceDescription"])
    return json.dumps({name: value for name, value in entity.items() if name != "statementText"}, indent=2)


def _source_text(source: dict[str, Any]) -> str:
    head = f"{source['type']} {source['name']} over topic {source['topic']}"
    formats = f"key format {source['keyFormat']}, value format {source['valueFormat']}"
    fields = [
        [one["name"], one["schema"]["type"], one.get("fieldType") or one.get("type") or ""] for one in source["fields"]
    ]
    return f"{head} ({formats})\n{table(('field', 'type', ''), fields)}"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows under their column names; the last column may wrap."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max([len(name), *(len(row[place]) for row in cells)]) for place, name in enumerate(columns)]
    lines = [" | ".join(name.ljust(width) for name, width in zip(columns, widths, strict=True)).rstrip()]
    lines.append("-+-".join("-" * width for width in widths))
    lines += [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "null"
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Rows:
    """Rows of a query in columns of equal width, wrapped; the widths are those of the terminal at the start."""

    def __init__(self, schema: str) -> None:
        """Take the columns from the schema of a query's header."""
        self.columns = _names(schema)
        space = shutil.get_terminal_size((120, 24)).columns - 3 * len(self.columns) - 1
        self._width = max(_MIN_WIDTH, space // max(len(self.columns), 1))

    def head(self) -> str:
        """Return the names, between lines."""
        line = "+".join(["", *("-" * (self._width + 2) for _ in self.columns), ""])
        return f"{line}\n{self.row(self.columns)}\n{line}"

    def row(self, values: Sequence[Any]) -> str:
        """Return one row; long values go on in further lines."""
        cells = [textwrap.wrap(_cell(value), self._width) or [""] for value in values]
        height = max(map(len, cells), default=1)
        padded = [cell + [""] * (height - len(cell)) for cell in cells]
        return "\n".join(
            "".join(f"| {part.ljust(self._width)} " for part in line) + "|" for line in zip(*padded, strict=True)
        )


def _names(schema: str) -> list[str]:
    """Return the column names of `A` INTEGER KEY, `S` STRUCT<`F` INTEGER>; fields inside of <> are none."""
    flat, depth = [], 0
    for character in schema:
        depth += (character == "<") - (character == ">")
        if depth == 0:
            flat.append(character)
    return [name.replace("``", "`") for name in _COLUMN.findall("".join(flat))]
