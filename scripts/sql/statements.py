"""Text into statements, and which of them are the prompt's own business."""

import re
from collections.abc import Iterator

from scripts.sql.client import Session

_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|--[^\n]*|/\*.*?\*/|;|[^'\"`;/-]+|.", re.DOTALL)
_SET = re.compile(r"SET\s+'([^']+)'\s*=\s*'([^']*)'", re.IGNORECASE)
_UNSET = re.compile(r"UNSET\s+'([^']+)'", re.IGNORECASE)
_DEFINE = re.compile(r"DEFINE\s+(\w+)\s*=\s*'([^']*)'", re.IGNORECASE)
_UNDEFINE = re.compile(r"UNDEFINE\s+(\w+)", re.IGNORECASE)
_SCRIPT = re.compile(r"RUN\s+SCRIPT\s+'([^']+)'", re.IGNORECASE)


def split(text: str) -> tuple[list[str], str]:
    """Return the whole statements of `text`, comments left out, and the unfinished rest."""
    found: list[str] = []
    current: list[str] = []
    for part in _parts(text):
        current.append(part)
        if part == ";":
            found.append("".join(current).strip())
            current = []
    return [one for one in found if one != ";"], "".join(current).strip()


def _parts(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        part = match.group()
        if not part.startswith(("--", "/*")):
            yield part


def is_query(statement: str) -> bool:
    """Tell whether a statement is answered with rows."""
    return statement.upper().startswith(("SELECT", "PRINT"))


def script_of(statement: str) -> str | None:
    """Return the file of RUN SCRIPT, None for other statements."""
    match = _SCRIPT.match(statement)
    return match.group(1) if match else None


def kept(statement: str, session: Session) -> str | None:
    """Apply SET, UNSET, DEFINE or UNDEFINE to the session and return what to say; None for other statements."""
    if match := _SET.match(statement):
        session.properties[match.group(1)] = match.group(2)
        return f"Property {match.group(1)} is '{match.group(2)}' in this session."
    if match := _UNSET.match(statement):
        session.properties.pop(match.group(1), None)
        return f"Property {match.group(1)} is the server's again."
    if match := _DEFINE.match(statement):
        session.variables[match.group(1)] = match.group(2)
        return f"Variable {match.group(1)} is '{match.group(2)}'."
    if match := _UNDEFINE.match(statement):
        session.variables.pop(match.group(1), None)
        return f"Variable {match.group(1)} is gone."
    return None
