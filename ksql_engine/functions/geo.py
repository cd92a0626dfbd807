"""Distances on the globe (ksqlDB reference, "GEO_DISTANCE")."""

from __future__ import annotations

import math
from typing import Final

from ksql_engine.errors import EvaluationError
from ksql_engine.functions.define import OTHER, function, overload
from ksql_engine.functions.signature import ScalarFunction

_RADIUS: Final = {
    **dict.fromkeys(("mi", "mile", "miles"), 3959.0),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), 6371.0),
}


def _radius(unit: str | None) -> float:
    name = (unit or "").strip().lower() or "km"
    if name not in _RADIUS:
        raise EvaluationError(f"GeoDistance function units parameter must be one of {', '.join(_RADIUS)}")
    return _RADIUS[name]


def _distance(
    lat1: float | None, lon1: float | None, lat2: float | None, lon2: float | None, unit: str | None = None
) -> float | None:
    """Return the great-circle distance of two points in degrees (haversine)."""
    if lat1 is None or lon1 is None or lat2 is None or lon2 is None:
        return None
    radius = _radius(unit)
    if not (-90 <= lat1 <= 90 and -90 <= lat2 <= 90 and -180 <= lon1 <= 180 and -180 <= lon2 <= 180):
        raise EvaluationError("valid latitude values for GeoDistance function are in the range of -90 to 90")
    delta_lat, delta_lon = math.radians(lat2 - lat1), math.radians(lon2 - lon1)
    first, second = math.radians(lat1), math.radians(lat2)
    half = math.sin(delta_lat / 2) ** 2 + math.sin(delta_lon / 2) ** 2 * math.cos(first) * math.cos(second)
    return radius * 2 * math.asin(math.sqrt(half))


_POINTS: Final = "DOUBLE lat1, DOUBLE lon1, DOUBLE lat2, DOUBLE lon2"

FUNCTIONS: Final[tuple[ScalarFunction, ...]] = (
    function(
        "geo_distance",
        "The distance of two points, in KM or MI.",
        overload(f"{_POINTS} -> DOUBLE", _distance, nulls=True),
        overload(f"{_POINTS}, STRING units -> DOUBLE", _distance, nulls=True),
        category=OTHER,
    ),
)
