"""What is declared hangs together."""

from pathlib import Path

import fastavro
import pytest

from contracts.cluster import claim_cluster
from contracts.errors import ClusterMismatch, UnknownName
from contracts.faults import FAULTS, Outcome, Reason
from contracts.heartbeat import read_heartbeat, write_heartbeat
from contracts.marketing import MARKETING
from contracts.model import Station
from contracts.schemas import load_schema
from contracts.settings import Settings


@pytest.mark.parametrize("topic", list(MARKETING.with_schema()), ids=lambda t: t.name)
def test_every_schema_parses_and_documents_each_field(topic) -> None:
    schema = load_schema(MARKETING, topic)
    fastavro.parse_schema(dict(schema))
    assert [field["name"] for field in schema["fields"] if not field.get("doc")] == []
    assert topic.key in {field["name"] for field in schema["fields"]}


def test_names_are_declared_once() -> None:
    for names in (
        [topic.name for topic in MARKETING.topics],
        [table.path for table in MARKETING.tables],
        [view.key for view in MARKETING.views],
    ):
        assert len(names) == len(set(names))


def test_topics_of_ours_have_one_kind_of_writer() -> None:
    for topic in MARKETING.topics:
        if Station.KSQL in topic.writers or Station.SPARK in topic.writers:
            assert len(topic.writers) == 1, topic.name


def test_unknown_topic_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"dom\.order\.placed\.v1"):
        MARKETING.topic("nope")


def test_every_quarantine_reason_can_be_injected_or_follows_a_rule() -> None:
    injected = {reason for fault in FAULTS for reason in fault.reasons}
    assert injected == set(Reason)
    assert all(bool(fault.reasons) == (fault.outcome is Outcome.QUARANTINED) for fault in FAULTS)


def test_port_offset_moves_every_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PORT_OFFSET", "1000")
    settings = Settings()
    assert settings.port("kafka") == 10092
    assert settings.bootstrap == "127.0.0.1:10092"
    assert settings.registry_url.startswith("http://127.0.0.1:9081/")


def test_usual_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESET_CACHE_ON_START", "1")
    monkeypatch.setenv("FLASK_SECRET_KEY", "s3cret")
    monkeypatch.setenv("DELTA_ROOT", "s3a://bucket/lab")
    settings = Settings()
    assert settings.reset_cache_on_start
    assert settings.session_key == "s3cret"
    assert settings.delta_root == "s3a://bucket/lab"
    assert "s3cret" not in repr(settings)


def test_state_of_another_cluster_is_refused(tmp_path: Path) -> None:
    claim_cluster(tmp_path / "state", "first")
    claim_cluster(tmp_path / "state", "first")
    with pytest.raises(ClusterMismatch, match=r"first.*second.*make clear"):
        claim_cluster(tmp_path / "state", "second")


def test_heartbeat_is_read_back(tmp_path: Path) -> None:
    assert read_heartbeat(tmp_path, "spark") is None
    write_heartbeat(tmp_path, "spark", "running", lag=3)
    beat = read_heartbeat(tmp_path, "spark")
    assert beat is not None
    assert (beat.state, beat.detail) == ("running", {"lag": 3})
    assert beat.is_fresh(beat.at_ms + 14_000)
    assert not beat.is_fresh(beat.at_ms + 16_000)
