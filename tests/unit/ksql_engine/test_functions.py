"""Scalar functions by group: a call and its value."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from expression_world import FUNCTIONS, value

from ksql_engine.expressions.java_maps import visited
from ksql_engine.functions.describe import function_description, function_names

STRINGS = [
    ("concat_ws('-', 'a', ns, 'b')", "a-b"),
    ("lpad('abc', 2, 'x')", "ab"),
    ("rpad('abc', 5, 'xy')", "abcxy"),
    ("lpad('abc', 5, '')", None),
    ("trim('  a b ')", "a b"),
    ("replace('a-b-c', '-', '+')", "a+b+c"),
    ("split('a,b,,c', ',')", ["a", "b", "", "c"]),
    ("split('abc', '')", ["a", "b", "c"]),
    ("split_to_map('k1:v1,k2:v2', ',', ':')", {"k1": "v1", "k2": "v2"}),
    ("instr('corporate floor', 'or', 3, 2)", 14),
    ("instr('corporate floor', 'or', -3, 2)", 2),
    ("instr('abc', 'z')", 0),
    ("instr(ns, 'z')", 0),
    ("initcap('  a bC')", "A Bc"),
    ("split_to_map('a=1,,b', ',', '=')", {"a": "1"}),
    ("mask('aB', 'XY', 'x', 'n', '-')", "error"),
    ("initcap('the qUICK fox')", "The Quick Fox"),
    ("chr(75)", "K"),
    (r"chr('\u004b')", "K"),
    ("chr('75')", None),
    ("elt(2, 'a', 'b')", "b"),
    ("elt(3, 'a', 'b')", None),
    ("field('b', 'a', 'b')", 2),
    ("field(ns, 'a')", 0),
    ("md5('abc')", "900150983cd24fb0d6963f7d28e17f72"),
    ("mask('My Test $123')", "Xx-Xxxx--nnn"),
    ("mask('Ab1', '*', ns, ns, ns)", "*b1"),
    ("mask_left('Abc123', 2)", "Xxc123"),
    ("mask_right('Abc123', 2)", "Abc1nn"),
    ("mask_keep_left('Abc123', 2)", "Abxnnn"),
    ("mask_keep_right('Abc123', 2)", "Xxxn23"),
]
REGEX = [
    ("regexp_extract_all('.[0-9]', 'a1b2')", ["a1", "b2"]),
    ("regexp_extract('(?<year>[0-9]+)-', '2020-01', 1)", "2020"),
    ("regexp_extract('\\p{Upper}+', 'abCDe')", "CD"),
    ("regexp_replace('a1b2', '([0-9])', '<$1>')", "a<1>b<2>"),
    ("regexp_split_to_array('a1b2c', '(1|2)')", ["a", "b", "c"]),
    ("regexp_split_to_array('abc', '')", ["a", "b", "c"]),
    ("regexp_split_to_array('axbx', 'x')", ["a", "b", ""]),
    ("regexp_extract('(', 'x')", "error"),
    ("'a%c' like 'a!%c' escape '!'", True),
    ("'abc' like 'a!%c' escape '!'", False),
]
NUMBERS = [
    ("abs(m)", Decimal("1.50")),
    ("round(2.5e0)", 3),
    ("round(-2.5e0)", -2),
    ("round(m)", Decimal("2")),
    ("round(cast(1234 as int), -2)", 1200),
    ("trunc(1.99e0)", 1),
    ("trunc(-1.239e0, 2)", -1.23),
    ("floor(d)", 2.0),
    ("ceil(m)", Decimal("2.00")),
    ("sign(-7)", -1),
    ("cbrt(27)", 3.0),
    ("cot(0)", math.inf),
    ("sqrt(-1)", "nan"),
    ("ln(0)", -math.inf),
    ("log(2, 8)", 3.0),
    ("power(2, 10)", 1024.0),
    ("degrees(pi())", 180.0),
    ("greatest(1, n, 3)", 3),
    ("least(day, '1970-01-05')", 4),
    ("nullif(7, i)", None),
    ("geo_distance(0, 0, 0, 0)", 0.0),
]
TIMES = [
    ("format_timestamp(t, 'yyyy-MM-dd HH:mm:ss.SSS')", "1970-01-01 00:00:01.000"),
    ("format_timestamp(t, 'EEE, d MMM yy hh:mm a XXX', 'Asia/Kolkata')", "Thu, 1 Jan 70 05:30 AM +05:30"),
    ("parse_timestamp('2021-02-03T04:05:06+01:00', 'yyyy-MM-dd''T''HH:mm:ssXXX')", 1612321506000),
    ("stringtotimestamp('20210203', 'yyyyMMdd')", 1612310400000),
    ("parse_timestamp('2021 [x]', 'yyyy')", "error"),
    ("parse_timestamp('2021', 'yyyy[-MM]')", 1609459200000),
    ("parse_date('2021-03-01 or so', 'yyyy-MM-dd')", 18687),
    ("format_date(day, 'yyyy/MM/dd')", "1970/01/11"),
    ("parse_time('1:05 PM', 'h:mm a')", 47_100_000),
    ("format_time(clock, 'HH:mm:ss')", "00:01:05"),
    ("format_time(clock, 'yyyy')", "error"),
    ("format_date(day, 'HH')", "error"),
    ("dateadd(days, 3, day)", 13),
    ("datesub(hours, 25, day)", 9),
    ("timeadd(hours, 24, clock)", 65_000),
    ("timesub(minutes, 2, clock)", 86_345_000),
    ("timestampadd(minutes, 1, t)", 61_000),
    ("convert_tz(t, '+0200', '+0500')", 10_801_000),
    ("from_unixtime(5)", 5),
    ("from_days(5)", 5),
]
JSON = [
    ("""extractjsonfield('{"a": [{"b": 1.50}]}', '$.a[0].b')""", "1.50"),
    ("""extractjsonfield('{"a": {"b": [1, "x"]}}', '$.a')""", '{"b":[1,"x"]}'),
    ("""extractjsonfield('{"a": 1}', '$.b')""", None),
    ("""extractjsonfield('{"a": 1}', '$.a[-1]')""", None),
    ("extractjsonfield('{', '$.a')", "error"),
    ("""is_json_string('[1]')""", True),
    ("is_json_string('x')", False),
    ("json_array_length('[1, [2]]')", 2),
    ("json_array_contains('[1, null]', 1)", True),
    ("json_array_contains('[1, 2]', '1')", False),
    ("json_array_contains('[1.5, 2]', 1.5e0)", True),
    ("json_array_contains('[1.5, 2]', 2e0)", False),
    ("json_array_contains('[1', 1)", False),
    ("""json_concat('{"a":1}', '{"b":2}')""", '{"a":1,"b":2}'),
    ("""json_concat('[1]', '{"b":2}')""", '[1,{"b":2}]'),
    ("""json_records('{"a": 1, "b": "x"}')""", {"a": "1", "b": "x"}),
    ("""json_keys('{"a": 1, "b": "x"}')""", ["a", "b"]),
    ("""json_items('[1, {"b": 2}]')""", ["1", '{"b":2}']),
    ("to_json_string(r)", '{"QUANTITY":3,"PRICE":9}'),
    ("to_json_string(day)", '"1970-01-11"'),
    ("to_json_string(n)", "null"),
]
COLLECTIONS = [
    ("array_sort(array[3, n, 1])", [1, 3, None]),
    ("array_sort(array[3, n, 1], 'DESC')", [3, 1, None]),
    ("array_distinct(array[1, 2, 1])", [1, 2]),
    ("array_union(array[1, 2], array[2, 3])", [1, 2, 3]),
    ("array_except(array[1, 2], array[2])", [1]),
    ("array_intersect(array[1, 2], array[2, 3])", [2]),
    ("array_join(array[1.5e0, cast(null as double)], '|')", "1.5|null"),
    ("array_max(a)", 3),
    ("array_remove(a, 2)", [1, 3]),
    ("slice(a, 2, 3)", [2, 3]),
    ("slice(a, 0, 2)", None),
    ("slice(a, 1, 9)", None),
    ("array_join(array[a], ',')", "error"),
    ("generate_series(1, 5, 2)", [1, 3, 5]),
    ("generate_series(3, 1)", [3, 2, 1]),
    ("generate_series(1, 5, -1)", "error"),
    ("entries(map('b' := 1, 'a' := 2), true)", [("a", 2), ("b", 1)]),
    ("as_map(array['a', 'b'], array[1, 2])", {"a": 1, "b": 2}),
    ("map_union(map('a' := 1), map('a' := 2))", {"a": 2}),
]
BYTES = [
    ("to_bytes('21', 'hex')", b"!"),
    ("from_bytes(x, 'base64')", "IQ=="),
    ("encode('!', 'ascii', 'hex')", "21"),
    ("encode('!', 'ascii', 'nope')", "error"),
    ("int_from_bytes(to_bytes('00000102', 'hex'))", 258),
    ("int_from_bytes(to_bytes('02010000', 'hex'), 'LITTLE_ENDIAN')", 258),
    ("bigint_from_bytes(x)", "error"),
]
URLS = [
    ("url_extract_host('http://me@h.io:80/p%20q?a=b&c#f')", "h.io"),
    ("url_extract_port('http://me@h.io:80/p')", 80),
    ("url_extract_path('http://h.io/p%20q?a')", "/p q"),
    ("url_extract_parameter('http://h.io/?a=b&c=d', 'c')", "d"),
    ("url_extract_query('http://h.io/?a=b#f')", "a=b"),
    ("url_extract_fragment('http://h.io/?a=b')", None),
    ("url_encode_param('?a b*ä')", "%3Fa+b*%C3%A4"),
    ("url_decode_param('%3Fa+b%C3%A4')", "?a bä"),
]


@pytest.mark.parametrize(("text", "expected"), [*STRINGS, *REGEX, *NUMBERS, *TIMES, *JSON, *COLLECTIONS, *BYTES, *URLS])
def test_values(text: str, expected: Any) -> None:
    found = value(text)
    if expected == "nan":
        assert math.isnan(found)
    else:
        assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


@pytest.mark.parametrize(
    "text", ["ucase(ns)", "round(n, 1)", "split(ns, ',')", "dateadd(days, n, day)", "slice(a, 1, n)"]
)
def test_null_arguments_do_not_fail(text: str) -> None:
    assert value(text) in (None, [1, 2, 3])


def test_maps_are_visited_as_java_does() -> None:
    assert visited({"yes": 1, "no": 2, "maybe": 3}) == sorted(["yes", "no", "maybe"], key=_bucket_of_four)


def _bucket_of_four(text: str) -> int:
    """The place of a key in a HashMap of four buckets, worked out the slow way."""
    code = sum(ord(char) * 31 ** (len(text) - place - 1) for place, char in enumerate(text)) % 2**32
    return (code ^ code >> 16) % 4


def test_every_function_can_be_described() -> None:
    names = function_names(FUNCTIONS)
    assert {"name": "TRANSFORM", "type": "SCALAR", "category": "LAMBDA"} in names
    for one in names:
        assert function_description(FUNCTIONS, one["name"])["name"] == one["name"]
    described = function_description(FUNCTIONS, "CONCAT")["functions"][0]
    assert described["arguments"] == [{"name": "inputs", "type": "VARCHAR", "description": "", "isVariadic": True}]
