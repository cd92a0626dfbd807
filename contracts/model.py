"""The words of a lab: topics, tables and views, and who writes and reads each. No input or output here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, unique

from contracts.errors import UnknownName
from contracts.expectations import Expectation


@unique
class Station(str, Enum):
    """A place an event passes. The value is the name used in text, logs and `make status`."""

    WEBAPP = "webapp"
    GENERATOR = "generator"
    STAGE_KEEPER = "stage-keeper"
    KSQL = "ksql"
    SPARK = "spark"
    PROJECTOR = "projector"


@unique
class Format(str, Enum):
    """How a topic's values are written."""

    AVRO = "AVRO"
    JSON = "JSON"


@unique
class Cleanup(str, Enum):
    """What the broker does with old records: keep the last per key, or drop by age."""

    COMPACT = "compact"
    DELETE = "delete"


@dataclass(frozen=True)
class Topic:
    """A Kafka topic. Keys are plain UTF-8; `key` names the column that is the key."""

    name: str
    format: Format
    key: str
    content: str
    writers: tuple[Station, ...]
    readers: tuple[Station, ...]
    cleanup: Cleanup = Cleanup.DELETE
    partitions: int = 2
    retention_ms: int = -1
    schema_file: str | None = None
    internal: bool = False

    @property
    def subject(self) -> str:
        """The registry subject of the values."""
        return f"{self.name}-value"

    @property
    def config(self) -> dict[str, str]:
        """The broker's settings for this topic."""
        if self.cleanup is Cleanup.COMPACT:
            return {"cleanup.policy": "compact"}
        return {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}


@unique
class Layer(str, Enum):
    """A layer of the lakehouse."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    OPS = "ops"


@dataclass(frozen=True)
class Table:
    """A Delta table. `grain` says what one row is; `writer` and `readers` are job names of spark/.

    `sources` are what its rows are made from; `topic` is where its changes are published; `expects` is what its rows
    are expected to be; upkeep may sort rows that are never changed by `clustered_by`, by which they are looked up.
    """

    layer: Layer
    name: str
    grain: str
    writer: str
    readers: tuple[str, ...] = ()
    sources: tuple["Table | Topic", ...] = field(default=(), compare=False)
    topic: Topic | None = field(default=None, compare=False)
    expects: tuple[Expectation, ...] = field(default=(), compare=False)
    clustered_by: str | None = field(default=None, compare=False)

    @property
    def path(self) -> str:
        """The table's folder below the Delta root."""
        return f"{self.layer.value}/{self.name}"

    @property
    def full_name(self) -> str:
        """`layer.name`, as people write it."""
        return f"{self.layer.value}.{self.name}"


@dataclass(frozen=True)
class View:
    """A Redis view. `key` is the Redis key, with `{id}` where there is one entry per row."""

    key: str
    kind: str
    content: str
    source: Topic | None = None
    writer: Station = Station.PROJECTOR
    readers: tuple[Station, ...] = (Station.WEBAPP,)

    def key_for(self, row_id: str) -> str:
        """The Redis key of one row."""
        return self.key.replace("{id}", row_id)


@dataclass(frozen=True)
class Lab:
    """One lab: everything that is declared once and used by all stations."""

    name: str
    topics: tuple[Topic, ...]
    tables: tuple[Table, ...]
    views: tuple[View, ...]
    stations: tuple[Station, ...] = field(default_factory=lambda: tuple(Station))

    def topic(self, name: str) -> Topic:
        """The topic called `name`.

        Raises:
            UnknownName: no topic of this lab has that name.
        """
        for topic in self.topics:
            if topic.name == name:
                return topic
        raise UnknownName(f"lab {self.name} has no topic {name!r}; it has {', '.join(t.name for t in self.topics)}")

    def table(self, name: str) -> Table:
        """The table called `name`, as "layer.name".

        Raises:
            UnknownName: no table of this lab has that name.
        """
        for table in self.tables:
            if table.full_name == name:
                return table
        raise UnknownName(
            f"lab {self.name} has no table {name!r}; it has {', '.join(t.full_name for t in self.tables)}"
        )

    def with_schema(self) -> Iterator[Topic]:
        """The topics whose Avro schema is a file of the project."""
        return (topic for topic in self.topics if topic.schema_file)
