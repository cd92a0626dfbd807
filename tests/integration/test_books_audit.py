"""The audit on a real broker, registry, Redis and Delta tables: balanced books pass, every tampering is named by id."""

import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest
import typer
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from played_lab import PlayedLab
from typer.testing import CliRunner

from contracts import marketing
from contracts.model import Table
from contracts.settings import Settings
from scripts.audit import cli
from scripts.audit.cli import audit, run_audit
from scripts.audit.comparison import Comparison
from scripts.audit.settle import Outcome
from scripts.bootstrap.schemas import ensure_schemas
from scripts.bootstrap.topics import ensure_topics
from scripts.generate.ledger import ledger_dir
from scripts.generate.run import Plan, run
from webapp.commands.events import activation_event
from webapp.commands.framing import AvroFramer

pytestmark = pytest.mark.integration

STRANGER = "0a1b2c3d-0000-4000-8000-00000000000e"


@pytest.fixture(scope="module")
def played(lab_services: Any, tmp_path_factory: pytest.TempPathFactory) -> PlayedLab:
    """A lab in which a generator ran, with every fault, and every station did its part."""
    running: Settings = lab_services.settings
    own = {"home": tmp_path_factory.mktemp("books"), "redis_server": f"redis://127.0.0.1:{running.port('redis')}/7"}
    settings = running.model_copy(update=own)
    ensure_topics(settings, marketing.MARKETING)
    ensure_schemas(settings, marketing.MARKETING)
    lab = PlayedLab(settings)
    lab.empty_topics()
    plan = Plan(rate=400, duration_s=1.5, seed=3, bad=0.2)
    assert run(settings, marketing.MARKETING, plan, stop=threading.Event(), say=lambda _: None)
    framer = AvroFramer(settings, marketing.MARKETING)
    lab.keep_stages(framer.frame)
    again = activation_event(random.Random(1), STRANGER, time.time_ns() // 1_000_000, lambda: str(uuid.uuid4()))
    lab.replay(marketing.ACTIVATION_STATUS, again.key.encode(), framer.frame(again.topic, again.value))
    lab.play()
    return lab


def books(lab: PlayedLab) -> Outcome:
    return run_audit(lab.settings, 0)


def found(outcome: Outcome) -> str:
    """Everything the audit names, as one text."""
    return "\n".join(f"{check.name}: {example}" for check in outcome.checks for example in check.examples)


@contextmanager
def tampered(lab: PlayedLab, table: Table, change: Callable[[list[dict[str, Any]]], None]) -> Iterator[None]:
    """A table with other rows, as long as the block runs."""
    rows = lab.tables[table]
    lab.tables[table] = [dict(row) for row in rows]
    change(lab.tables[table])
    lab.write(table)
    yield
    lab.tables[table] = rows
    lab.write(table)


def audit_command(settings: Settings, monkeypatch: pytest.MonkeyPatch, *args: str) -> Any:
    monkeypatch.setattr(cli, "load_settings", lambda: settings)
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    app.command()(audit)
    return CliRunner().invoke(app, ["--deadline", "0", *args])


def test_balanced_books_exit_0(played: PlayedLab, monkeypatch: pytest.MonkeyPatch) -> None:
    result = audit_command(played.settings, monkeypatch)
    assert result.exit_code == 0, result.output
    assert "The books balance" in result.output
    result = audit_command(played.settings, monkeypatch, "--json")
    outcome = json.loads(result.output)
    assert outcome["balanced"]
    checked = {check["name"]: check["checked"] for check in outcome["checks"]}
    assert min(checked.values()) > 0, checked
    assert checked["records: bronze + quarantine hold each once"] > 500


TABLES = [
    marketing.BRONZE_PROFILES,
    marketing.BRONZE_ORDERS,
    marketing.BRONZE_ACTIVATIONS,
    marketing.QUARANTINE,
    marketing.SILVER_CUSTOMERS,
    marketing.SILVER_ORDERS,
    marketing.SILVER_ACTIVATIONS,
    marketing.GOLD_CUSTOMER_360,
    marketing.GOLD_PROPENSITY,
]
IDS = {
    marketing.SILVER_CUSTOMERS: "customer_id",
    marketing.SILVER_ORDERS: "order_id",
    marketing.SILVER_ACTIVATIONS: "activation_id",
    marketing.GOLD_CUSTOMER_360: "customer_id",
    marketing.GOLD_PROPENSITY: "customer_id",
}


def id_of(table: Table, row: dict[str, Any]) -> str:
    """What the audit calls a row: its id, or its position."""
    if table is marketing.QUARANTINE:
        return f"{row['topic']}:{row['partition']}:{row['offset']}"
    if table in IDS:
        return str(row[IDS[table]])
    return f"{row['_topic']}:{row['_partition']}:{row['_offset']}"


def test_missing_rows_are_named_in_every_table(played: PlayedLab) -> None:
    gone: list[str] = []

    def remove(table: Table, rows: list[dict[str, Any]]) -> None:
        gone.append(id_of(table, rows.pop(len(rows) // 2)))

    with ExitStack() as stack:
        for table in TABLES:
            stack.enter_context(tampered(played, table, partial(remove, table)))
        text = found(books(played))
    assert [row_id for row_id in gone if row_id not in text] == []
    assert text.count("missing in") >= 4
    assert text.count("neither in bronze nor in quarantine") >= 4


def test_rows_that_are_there_twice_are_named_in_every_table(played: PlayedLab) -> None:
    with ExitStack() as stack:
        for table in TABLES:
            stack.enter_context(tampered(played, table, lambda rows: rows.append(dict(rows[7]))))
        text = found(books(played))
    wanted = {table.full_name: id_of(table, played.tables[table][7]) for table in TABLES}
    assert {name: row_id for name, row_id in wanted.items() if f"{row_id}: " not in text} == {}
    assert text.count("more than one row") == 5
    assert text.count("held more than once") == 4


CHANGED = [
    (marketing.QUARANTINE, "reason", "not_a_reason"),
    (marketing.QUARANTINE, "value", b"other bytes"),
    (marketing.SILVER_ORDERS, "_offset", 1_000_000),
    (marketing.SILVER_CUSTOMERS, "_offset", 1_000_000),
    (marketing.GOLD_CUSTOMER_360, "lifetime_value_cents", 1),
    (marketing.GOLD_CUSTOMER_360, "lifecycle_stage", "sleeper"),
    (marketing.GOLD_CUSTOMER_360, "version", 99),
    (marketing.GOLD_PROPENSITY, "score", 0.5),
    (marketing.GOLD_PROPENSITY, "score", 1.5),
]


@pytest.mark.parametrize(("table", "field", "value"), CHANGED, ids=lambda v: getattr(v, "full_name", str(v)))
def test_a_changed_row_is_named(played: PlayedLab, table: Table, field: str, value: Any) -> None:
    row = next(row for row in played.tables[table] if field != "value" or row["value"])
    number = played.tables[table].index(row)
    with tampered(played, table, lambda rows: rows[number].update({field: value})):
        assert id_of(table, row) in found(books(played))


def test_a_right_record_in_quarantine_is_named(played: PlayedLab) -> None:
    row = played.tables[marketing.BRONZE_ORDERS][3]
    record = next(
        message
        for message in played.read(marketing.ORDER_PLACED)
        if (message.partition(), message.offset()) == (row["_partition"], row["_offset"])
    )
    moved = {"topic": row["_topic"], "partition": row["_partition"], "offset": row["_offset"]}
    moved |= {"timestamp_ms": row["_timestamp_ms"], "key": record.key(), "value": record.value()}
    moved |= {"reason": "total_not_positive", "detail": "", "schema_id": 1, "quarantined_at_ms": 1}
    with (
        tampered(played, marketing.BRONZE_ORDERS, lambda rows: rows.pop(3)),
        tampered(played, marketing.QUARANTINE, lambda rows: rows.append(moved)),
    ):
        assert f"{id_of(marketing.QUARANTINE, moved)}: quarantined as 'total_not_positive'" in found(books(played))


def test_a_faulty_record_in_bronze_is_named(played: PlayedLab) -> None:
    wrong = next(r for r in played.tables[marketing.QUARANTINE] if r["topic"] == marketing.ORDER_PLACED.name)
    place = {"_topic": wrong["topic"], "_partition": wrong["partition"], "_offset": wrong["offset"]}
    with (
        tampered(played, marketing.QUARANTINE, lambda rows: rows.remove(wrong)),
        tampered(played, marketing.BRONZE_ORDERS, lambda rows: rows.append(place)),
    ):
        assert f"{id_of(marketing.QUARANTINE, wrong)}: in bronze, but it has {wrong['reason']}" in found(books(played))


def test_a_replay_of_nothing_and_one_done_twice_are_named(played: PlayedLab) -> None:
    rows = played.tables[marketing.BRONZE_ACTIVATIONS]
    (done,) = [row for row in rows if row["_replayed_from"]]

    def claim(spoiled: list[dict[str, Any]]) -> None:
        spoiled[0]["_replayed_from"] = "nowhere:0:1"
        spoiled[1]["_replayed_from"] = done["_replayed_from"]

    with tampered(played, marketing.BRONZE_ACTIVATIONS, claim):
        text = found(books(played))
    assert f"{id_of(marketing.BRONZE_ACTIVATIONS, rows[0])}: replaces nowhere:0:1, which is not in quarantine" in text
    assert f"replaces {done['_replayed_from']}, which was replaced before" in text


VIEWS = [marketing.LIVE_VIEW, marketing.SEGMENT_VIEW, marketing.GOLD_VIEW, marketing.PROPENSITY_VIEW]


def test_views_that_lost_gained_or_changed_a_row_are_named(played: PlayedLab) -> None:
    lost, changed = (played.tables[marketing.GOLD_CUSTOMER_360][n]["customer_id"] for n in (5, 6))
    kept = {view.key_for(i): played.redis.get(view.key_for(i)) for view in VIEWS for i in (lost, changed)}
    fields = {}
    for view in VIEWS:
        played.redis.delete(view.key_for(lost))
        played.redis.set(view.key_for(STRANGER), kept[view.key_for(lost)])
        envelope = json.loads(kept[view.key_for(changed)])
        fields[view] = next(name for name, value in envelope["row"].items() if isinstance(value, (int, float)))
        envelope["row"][fields[view]] += 1
        played.redis.set(view.key_for(changed), json.dumps(envelope))
    by_check = {check.name: "\n".join(check.examples) for check in books(played).checks}
    for view in VIEWS:
        text = by_check[f"{view.key.split(':')[1]} view = its topic"]
        assert f"{lost}: missing in the" in text
        assert f"{STRANGER}: in the" in text
        assert f"{changed}: {fields[view]}" in text
        played.redis.delete(view.key_for(STRANGER))
    for key, value in kept.items():
        played.redis.set(key, value)
    assert books(played).is_balanced


def test_indexes_that_hold_other_customers_are_named(played: PlayedLab) -> None:
    played.redis.zadd(marketing.RECENT_INDEX.key, {STRANGER: 1})
    played.redis.zadd(marketing.SEARCH_INDEX.key, {f"eve\0{STRANGER}": 0})
    text = found(books(played))
    assert f"{STRANGER}: in the list" in text
    assert f"{STRANGER}: in the search index" in text
    played.redis.zrem(marketing.RECENT_INDEX.key, STRANGER)
    played.redis.zrem(marketing.SEARCH_INDEX.key, f"eve\0{STRANGER}")


def test_an_acknowledged_record_that_nobody_has_is_named(played: PlayedLab) -> None:
    topic = marketing.ORDER_PLACED.name
    ledger = ledger_dir(played.settings) / "another-run.csv"
    ledger.write_text(f"header\n{topic},0,7777777,order,some-order,e,c,\n")
    assert f"{topic}:0:7777777 (some-order): acknowledged, but neither" in found(books(played))
    ledger.unlink()


def test_a_difference_exits_1_and_names_it(played: PlayedLab, monkeypatch: pytest.MonkeyPatch) -> None:
    row = played.tables[marketing.GOLD_CUSTOMER_360][0]
    with tampered(played, marketing.GOLD_CUSTOMER_360, lambda rows: rows[0].update(order_count=77)):
        result = audit_command(played.settings, monkeypatch)
    assert result.exit_code == 1
    assert row["customer_id"] in result.output
    assert "spark has never beaten" in result.output


def test_a_lag_is_waited_for(played: PlayedLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gold is behind when the audit begins, and follows once it was found to be."""
    compared, compare = threading.Event(), Comparison.run

    def run_and_tell(self: Comparison, spans: Any) -> Any:
        checks = compare(self, spans)
        compared.set()
        return checks

    monkeypatch.setattr(Comparison, "run", run_and_tell)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(run_audit(played.settings, 60)))
    with tampered(played, marketing.GOLD_CUSTOMER_360, lambda rows: rows.clear()):
        thread.start()
        assert compared.wait(30)
    thread.join(60)
    assert outcomes[0].is_balanced, found(outcomes[0])
    assert outcomes[0].rounds > 1


@pytest.mark.parametrize(
    ("down", "named"),
    [
        ({"kafka_bootstrap": "127.0.0.1:1"}, "Kafka at 127.0.0.1:1"),
        ({"schema_registry": "http://127.0.0.1:1"}, "registry at http://127.0.0.1:1"),
        ({"redis_server": "redis://127.0.0.1:1/0"}, "Redis at redis://127.0.0.1:1/0"),
    ],
)
def test_what_is_down_exits_2_with_the_remedy(
    played: PlayedLab, monkeypatch: pytest.MonkeyPatch, down: dict[str, str], named: str
) -> None:
    result = audit_command(played.settings.model_copy(update=down), monkeypatch, "--json")
    assert result.exit_code == 2, result.output
    said = json.loads(result.output)
    assert named in said["cannot_run"]
    assert "make up" in said["remedy"]


def test_a_transactions_marker_is_no_loss(played: PlayedLab) -> None:
    """A committed transaction leaves a control record: an offset that no consumer is ever given."""
    rows = played.tables[marketing.BRONZE_ORDERS]
    messages = {(m.partition(), m.offset()): m for m in played.read(marketing.ORDER_PLACED)}
    again = messages[rows[0]["_partition"], rows[0]["_offset"]]
    producer = Producer({**played.settings.kafka_client, "transactional.id": "books"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(marketing.ORDER_PLACED.name, again.value(), again.key(), partition=again.partition())
    producer.commit_transaction(30)
    played.play()
    outcome = books(played)
    assert outcome.is_balanced, found(outcome)


def test_retention_is_no_loss(played: PlayedLab) -> None:
    """The oldest orders leave their topic; bronze, gold and the live view still have them. Runs last: it deletes."""
    topic = marketing.ORDER_PLACED.name
    admin = AdminClient(played.settings.kafka_client)
    for future in admin.delete_records([TopicPartition(topic, 0, _middle(played))]).values():
        future.result()
    outcome = books(played)
    assert outcome.is_balanced, found(outcome)
    assert any("retention removed come from bronze" in note for check in outcome.checks for note in check.notes)


def _middle(played: PlayedLab) -> int:
    offsets = sorted(m.offset() for m in played.read(marketing.ORDER_PLACED) if m.partition() == 0)
    return int(offsets[len(offsets) // 2])
