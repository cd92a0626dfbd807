"""Bytes: text and numbers from them and to them (ksqlDB reference, "TO_BYTES", "ENCODE", "INT_FROM_BYTES")."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Final

from ksql_engine.errors import EvaluationError
from ksql_engine.functions.define import STRING, function, overload
from ksql_engine.functions.signature import Overload, ScalarFunction

_ENCODINGS: Final = ("hex", "utf8", "ascii", "base64")


def to_bytes(text: str, encoding: str) -> bytes:
    """Return the bytes that `text` writes. Raises EvaluationError for an unknown encoding or unreadable text."""
    kind = _known(encoding)
    try:
        if kind == "hex":
            return _from_hex(text)
        if kind == "base64":
            return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise EvaluationError(f"'{text}' is not {kind}: {error}") from error
    return text.encode("ascii", "replace") if kind == "ascii" else text.encode()


def from_bytes(data: bytes, encoding: str) -> str:
    """Return the text of `data`. Raises EvaluationError for an unknown encoding."""
    kind = _known(encoding)
    if kind == "hex":
        return data.hex().upper()
    if kind == "base64":
        return base64.b64encode(data).decode()
    return data.decode("ascii" if kind == "ascii" else "utf-8", "replace")


def _known(encoding: str) -> str:
    kind = encoding.lower()
    if kind not in _ENCODINGS:
        raise EvaluationError(f"Supported input encodings are: {', '.join(_ENCODINGS)}")
    return kind


def _from_hex(text: str) -> bytes:
    """Read hex digits, also written as 0x.. or as X'..'."""
    if text.startswith("0x"):
        digits = text[2:] if len(text) % 2 == 0 else f"0{text[2:]}"
    elif len(text) > 2 and text[:2] in ("X'", "x'") and text.endswith("'"):
        digits = text[2:-1]
    else:
        digits = text
    if not digits.isalnum() and digits:
        raise ValueError("a character that is no hex digit")
    return bytes.fromhex(digits)


def _encode(text: str, source: str, target: str) -> str:
    if source.lower() == target.lower():
        raise EvaluationError(f"Supported input and output encodings are: {', '.join(_ENCODINGS)}")
    data = to_bytes(text, source)
    return data.hex() if target.lower() == "hex" else from_bytes(data, target)


def _number(code: str, size: int) -> Callable[..., float]:
    def call(data: bytes, order: str = "BIG_ENDIAN") -> float:
        if order.upper() not in ("BIG_ENDIAN", "LITTLE_ENDIAN"):
            raise EvaluationError(f"Byte order must be BIG_ENDIAN or LITTLE_ENDIAN, not {order}")
        if len(data) != size:
            raise EvaluationError(f"Number of bytes must be equal to {size}, but found {len(data)}")
        value: float = struct.unpack((">" if order.upper() == "BIG_ENDIAN" else "<") + code, data)[0]
        return value

    return call


def _from(kind: str, code: str, size: int) -> tuple[Overload, ...]:
    call = _number(code, size)
    return (overload(f"BYTES value -> {kind}", call), overload(f"BYTES value, STRING byteOrder -> {kind}", call))


FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "to_bytes",
        "The bytes a text writes as hex, utf8, ascii or base64.",
        overload("STRING value, STRING encoding -> BYTES", to_bytes),
        category=STRING,
    ),
    function(
        "from_bytes",
        "Bytes written as hex, utf8, ascii or base64.",
        overload("BYTES value, STRING encoding -> STRING", from_bytes),
        category=STRING,
    ),
    function(
        "encode",
        "A text in one encoding written in another.",
        overload("STRING str, STRING inputEncoding, STRING outputEncoding -> STRING", _encode),
        category=STRING,
    ),
    function("int_from_bytes", "Four bytes as an INTEGER.", *_from("INTEGER", "i", 4)),
    function("bigint_from_bytes", "Eight bytes as a BIGINT.", *_from("BIGINT", "q", 8)),
    function("double_from_bytes", "Eight bytes as a DOUBLE.", *_from("DOUBLE", "d", 8)),
)
