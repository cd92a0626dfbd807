"""Records go where the Java producers of Kafka put them."""

from __future__ import annotations

from ksql_engine.driver.memory import TopicDriver
from ksql_engine.operators.endpoints import encoder
from ksql_engine.runtime.partitioner import partition_of


def test_keys_have_the_partitions_of_kafkas_own_producer() -> None:
    # The hashes of these texts are known from Kafka's clients: murmur2 of "21" is -973932308, of "foobar" -790332482.
    assert partition_of(b"21", 0x7FFFFFFF) == -973932308 & 0x7FFFFFFF
    assert partition_of(b"foobar", 0x7FFFFFFF) == -790332482 & 0x7FFFFFFF


def test_all_windows_of_a_key_share_a_partition() -> None:
    driver = TopicDriver()
    declared = "(id VARCHAR KEY, v INTEGER) WITH (KAFKA_TOPIC='{0}', VALUE_FORMAT='JSON'{1});"
    session, tumbling = ", WINDOW_TYPE='SESSION'", ", WINDOW_TYPE='TUMBLING', WINDOW_SIZE='1 SECOND'"
    driver.execute("".join(f"CREATE STREAM {n} {declared.format(n, w)}" for n, w in (("s", session), ("t", tumbling))))
    for name in ("S", "T"):
        encode = encoder(driver.metastore.source(name), driver.formats)
        assert encode(("key", 0, 1000), (1,), 5).routing == b"key"
    driver.execute(f"CREATE STREAM p {declared.format('p', '')}")
    assert encoder(driver.metastore.source("P"), driver.formats)(("key",), (1,), 5).routing is None
