"""The table of services, and what supervisord is told about it."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.settings import Settings
from scripts.stack.environment import settings_environment
from scripts.stack.errors import UnknownService
from scripts.stack.services import SCHEMAS, STATEMENTS, TOPICS, find_service, service_table
from scripts.stack.supervision import config_text, socket_path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, port_offset=300)


def test_every_service_is_named_once_and_needs_what_exists(settings: Settings) -> None:
    services = service_table(settings)
    names = [each.name for each in services]
    assert len(set(names)) == len(names)
    known = {*names, TOPICS, SCHEMAS, STATEMENTS}
    assert {need for each in services for need in each.needs} <= known


def test_two_labs_share_no_port(tmp_path: Path) -> None:
    def ports(offset: int) -> set[int]:
        return {port for each in service_table(Settings(home=tmp_path, port_offset=offset)) for port in each.ports}

    assert ports(0) & ports(1000) == set()
    assert len(ports(0)) == 8


def test_every_server_listens_on_this_machine_alone(settings: Settings) -> None:
    for name in ("registry", "redis"):
        assert "127.0.0.1" in " ".join(find_service(service_table(settings), name).command)


def test_a_service_elsewhere_is_not_run_here(tmp_path: Path) -> None:
    services = service_table(Settings(home=tmp_path, kafka_bootstrap="broker:9092", redis_server="redis://r:6379/0"))
    assert {"kafka", "redis"} & {each.name for each in services} == set()
    assert "--bootstrap broker:9092" in " ".join(find_service(services, "ksql").command)


def test_an_unknown_service_is_named_with_those_that_exist(settings: Settings) -> None:
    with pytest.raises(UnknownService, match=r"'sparc'.*kafka, registry"):
        find_service(service_table(settings), "sparc")


def test_settings_travel_to_the_services(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        port_offset=7,
        kafka_security={"sasl.password": "a'b\"%c"},
        flask_secret_key="s3cret",
        reset_cache_on_start=True,
        spark_master="local[1]",
    )
    environment = settings_environment(settings)
    assert environment["LAB_PORT_OFFSET"] == "7"
    assert environment["SPARK_MASTER"] == "local[1]"
    code = (
        "from contracts.settings import load_settings as l; s = l();"
        "print(s.kafka_security, s.session_key, s.reset_cache_on_start, s.home)"
    )
    seen = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    expected = f"{settings.kafka_security} s3cret True {tmp_path}"
    assert seen.stdout.strip() == expected


def test_what_is_default_is_not_passed_on(tmp_path: Path) -> None:
    assert settings_environment(Settings(home=tmp_path, port_offset=0)).keys() == {"LAB_HOME"}


def test_supervisord_restarts_everything_and_starts_nothing_by_itself(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "100%", port_offset=0)
    services = service_table(settings)
    parser = configparser.RawConfigParser()
    parser.read_string(config_text(settings, services, tmp_path / "s.sock"))
    programs = [name for name in parser.sections() if name.startswith("program:")]
    assert programs == [f"program:{each.name}" for each in services]
    for name in programs:
        assert parser[name]["autostart"] == "false"
        assert parser[name]["autorestart"] == "unexpected"
        assert int(parser[name]["startretries"]) > 100_000
        assert parser[name]["killasgroup"] == "true"
        assert "100%%" in parser[name]["stdout_logfile"]


def test_sockets_have_short_paths_and_one_per_lab(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 90) / "run"
    assert len(str(socket_path(deep))) < 100
    assert socket_path(deep) != socket_path(tmp_path)
