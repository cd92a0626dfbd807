"""Deletion vectors as the Delta protocol writes them: which rows of a file are gone, as text for the log.

A vector is a 64-bit roaring bitmap of row numbers (its portable form), behind a magic number, in Z85. Files here have
far fewer than 2^32 rows, so one 32-bit bitmap is enough.
"""

import base64
import struct
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_MAGIC = 1_681_511_377
_COOKIE = 12_346
_ROWS = 65_536
_AS_LIST = 4_096
"""A container with up to so many rows lists them; beyond, it has a bit for each."""
_BASE85 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_Z85 = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_TO_Z85 = bytes.maketrans(_BASE85, _Z85)


def descriptor(gone: pa.BooleanArray) -> dict[str, Any]:
    """What stands in the log for a file of which the rows marked in `gone` are deleted."""
    data = struct.pack("<IQI", _MAGIC, 1, 0) + _roaring(gone)
    padded = data + bytes(-len(data) % 4)
    return {
        "storageType": "i",
        "pathOrInlineDv": base64.b85encode(padded).translate(_TO_Z85).decode(),
        "sizeInBytes": len(data),
        "cardinality": gone.true_count,
    }


def _roaring(gone: pa.BooleanArray) -> bytes:
    """The 32-bit bitmap: cookie, number of containers, their keys and sizes, their offsets, the containers."""
    whole = pa.concat_arrays([gone, pa.repeat(pa.scalar(False), -len(gone) % _ROWS)])
    found = []
    for number in range(len(whole) // _ROWS):
        rows = whole.slice(number * _ROWS, _ROWS)
        if rows.true_count:
            found.append((number, rows.true_count, _container(rows)))
    heads = b"".join(struct.pack("<HH", number, count - 1) for number, count, _ in found)
    place, places = 8 + 8 * len(found), b""
    for _, _, container in found:
        places += struct.pack("<I", place)
        place += len(container)
    return struct.pack("<II", _COOKIE, len(found)) + heads + places + b"".join(each for _, _, each in found)


def _container(rows: pa.BooleanArray) -> bytes:
    """The marked ones of 65,536 rows: a list of 16-bit numbers, or a bitmap."""
    if rows.true_count <= _AS_LIST:
        numbers = pc.indices_nonzero(rows).cast(pa.uint16())
        return bytes(numbers.buffers()[1])[: 2 * len(numbers)]
    start = rows.offset // 8
    return bytes(rows.buffers()[1])[start : start + _ROWS // 8]
