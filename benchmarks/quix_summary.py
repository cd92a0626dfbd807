"""The order summary in Quix Streams, for comparison. Run by `benchmarks/ksql_summary.py` in an environment of its own.

Per order: decode Avro by the registry's schema, add to the customer's count and sum in RocksDB, write a JSON row, with
the settings that Quix Streams has by itself. No changelog topic: like the engine's, the state is on this machine alone.
Prints when the first order was processed (seconds since 1970), how many were, and the processor time it took.
"""

import argparse
import json
import time
from typing import Any

from quixstreams import Application
from quixstreams.models.serializers.avro import AvroDeserializer
from quixstreams.models.serializers.schema_registry import SchemaRegistryClientConfig

QUIET_S = 30.0


class Watch:
    """Notes when the first order was processed, and how many were."""

    def __init__(self) -> None:
        self.started_s = 0.0
        self.orders = 0

    def __call__(self, *_where: object) -> None:
        """Note one order."""
        if not self.orders:
            self.started_s = time.time()
        self.orders += 1


def add(order: dict[str, Any], state: Any) -> dict[str, int]:
    """Take one order into its customer's sums."""
    count, cents = state.get("sums", (0, 0))
    sums = (count + 1, cents + order["order_total_cents"])
    state.set("sums", sums)
    return {"order_count": sums[0], "lifetime_value_cents": sums[1]}


def read_arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--bootstrap", "--registry", "--reads", "--writes", "--state"):
        parser.add_argument(name, required=True)
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--commit-interval-s", type=float, required=True)
    return parser.parse_args()


def main() -> None:
    """Take in `--orders` orders, or what there is when nothing more comes."""
    args, watch = read_arguments(), Watch()
    app = Application(
        broker_address=args.bootstrap,
        consumer_group="quix-summary",
        auto_offset_reset="earliest",
        commit_interval=args.commit_interval_s,
        state_dir=args.state,
        use_changelog_topics=False,
        on_message_processed=watch,
        loglevel="WARNING",
    )
    registry = SchemaRegistryClientConfig(url=args.registry)
    decoder = AvroDeserializer(schema_registry_client_config=registry)
    orders = app.topic(args.reads, key_deserializer="str", value_deserializer=decoder)
    sums = app.topic(args.writes, key_serializer="str", value_serializer="json")
    app.dataframe(orders).apply(add, stateful=True).to_topic(sums)
    cpu_s = time.process_time()
    app.run(count=args.orders, timeout=QUIET_S, collect=False)
    said = {"started_s": watch.started_s, "orders": watch.orders, "cpu_s": time.process_time() - cpu_s}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
