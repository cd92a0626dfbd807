"""The order summary in Quix Streams, for comparison. Run by `benchmarks/ksql_summary.py` in an environment of its own.

Per order: decode Avro, add to the customer's count and sum in RocksDB, write a JSON row. No changelog topic: like the
engine, the state is on this machine alone. Prints the seconds from the first order to the end of the last commit.
"""

import argparse
import io
import json
import time
from pathlib import Path
from typing import Any

import fastavro
from quixstreams import Application
from quixstreams.models.serializers import Deserializer

HEADER_BYTES = 5


class AvroOrders(Deserializer):
    """Decodes values written with one schema, as the engine's reader does."""

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__()
        self._schema = fastavro.parse_schema(schema)

    def __call__(self, value: bytes, ctx: Any) -> dict[str, Any]:
        return fastavro.schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), self._schema, None)  # type: ignore[return-value]  # a record


def add(order: dict[str, Any], state: Any) -> dict[str, int]:
    """Take one order into its customer's sums."""
    count, cents = state.get("sums", (0, 0))
    sums = (count + 1, cents + order["order_total_cents"])
    state.set("sums", sums)
    return {"order_count": sums[0], "lifetime_value_cents": sums[1]}


def main() -> None:
    """Take in `--orders` orders and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--bootstrap", "--reads", "--writes", "--schema", "--state"):
        parser.add_argument(name, required=True)
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--commit-interval-s", type=float, required=True)
    args = parser.parse_args()
    first: list[float] = []

    def note(*_: object) -> None:
        if not first:
            first.append(time.perf_counter())

    app = Application(
        broker_address=args.bootstrap,
        consumer_group="quix-summary",
        auto_offset_reset="earliest",
        commit_interval=args.commit_interval_s,
        state_dir=args.state,
        use_changelog_topics=False,
        on_message_processed=note,
        loglevel="WARNING",
    )
    schema = json.loads(Path(args.schema).read_text("utf-8"))
    orders = app.topic(args.reads, key_deserializer="str", value_deserializer=AvroOrders(schema))
    sums = app.topic(args.writes, key_serializer="str", value_serializer="json")
    frame = app.dataframe(orders)
    frame.apply(add, stateful=True).to_topic(sums)
    app.run(count=args.orders, collect=False)
    print(time.perf_counter() - first[0])


if __name__ == "__main__":
    main()
