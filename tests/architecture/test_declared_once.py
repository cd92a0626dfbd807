"""Names, ports and pins stand once; where two files must agree, both are read and compared."""

import re
import subprocess
from pathlib import Path

import pytest
from test_imports import PACKAGES, ROOT, sources

from contracts.marketing import MARKETING
from contracts.settings import Settings

SQL_FILES = sorted((ROOT / "ksql").rglob("*.sql"))
TOPIC_IN_SQL = re.compile(r"KAFKA_TOPIC\s*=\s*'([^']+)'", re.IGNORECASE)


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git of the PATH
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_topics_in_sql_are_declared() -> None:
    assert SQL_FILES
    in_sql = {name for path in SQL_FILES for name in TOPIC_IN_SQL.findall(path.read_text("utf-8"))}
    assert in_sql <= {topic.name for topic in MARKETING.topics}


def test_topics_written_by_ksql_have_a_statement() -> None:
    created = {
        name
        for path in SQL_FILES
        for name in re.findall(r"CREATE TABLE \w+\s+WITH \(KAFKA_TOPIC = '([^']+)'", path.read_text("utf-8"))
    }
    assert created == {topic.name for topic in MARKETING.topics if topic.writers[0].value == "ksql"}


def test_formats_in_sql_are_those_of_the_contract() -> None:
    for path in SQL_FILES:
        for properties in re.findall(r"WITH \((KAFKA_TOPIC[^)]*)\)", path.read_text("utf-8")):
            topic = MARKETING.topic(TOPIC_IN_SQL.findall(properties)[0])
            assert f"VALUE_FORMAT = '{topic.format.value}'" in properties, f"{path.name}: {topic.name}"


def test_python_says_names_through_the_contract() -> None:
    """A topic's or table's name as a literal stands in contracts/ alone."""
    names = [topic.name for topic in MARKETING.topics]
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for package in PACKAGES
        if package != "contracts"
        for path in sources(package)
        for name in names
        if f'"{name}"' in path.read_text("utf-8") or f"'{name}'" in path.read_text("utf-8")
    ]
    assert found == []


def test_shared_code_names_no_lab() -> None:
    """Plumbing serves every lab: it names no topic, table or column of one."""
    folders = ("spark/runtime", "ksql_engine", "scripts/stack", "scripts/bootstrap")
    found = [
        f"{path.relative_to(ROOT)}: contracts.marketing"
        for folder in folders
        for path in sources(folder)
        if "contracts.marketing" in path.read_text("utf-8")
    ]
    assert found == []


def test_make_help_is_complete() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))
    documented = set(re.findall(r"^([a-z][a-z-]*):.*?##\s*\S", text, re.MULTILINE))
    assert targets - documented == set()
    asked_for = (
        "up down clear distclean status logs doctor setup topics schemas ksql ksql-reset spark webapp "
        "webapp-local generate verify audit test check bench"
    )
    assert set(asked_for.split()) <= targets


def test_readme_ports_are_the_settings() -> None:
    """Each row `| service | … | port |` of the README's table of services names the port of the settings."""
    rows = re.findall(r"^\|[^|]+\|[^|]*?`LAB_PORT_(\w+)`[^|]*\|\s*(\d+)\s*\|", readme(), re.MULTILINE)
    fields = {name.removeprefix("port_").upper() for name in Settings.model_fields if name.startswith("port_")}
    assert {name for name, _ in rows} == fields - {"OFFSET"}
    for name, port in rows:
        assert Settings.model_fields[f"port_{name.lower()}"].default == int(port), name


def readme() -> str:
    return (ROOT / "README.md").read_text("utf-8")


def test_readme_names_only_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        (path.name, target)
        for path in documents
        for target in re.findall(r"(?:^|[`$ ])make ([a-z][a-z-]*)", path.read_text("utf-8"), re.MULTILINE)
        if re.search(rf"`[^`\n]*make {target}|^\s*make {target}", path.read_text("utf-8"), re.MULTILINE)
    }
    assert {target for _, target in named} <= targets


@pytest.mark.parametrize("package", ["pyspark", "delta-spark", "confluent-kafka", "fastavro", "flask", "redis", "ksql"])
def test_the_lab_is_built_on_the_packages_it_names(package: str) -> None:
    """Each is a direct dependency, is pinned in the lock, and is imported by a station."""
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    assert re.search(rf'^    "{package}[\[=>]', pyproject, re.MULTILINE)
    assert re.search(rf"^{package}==", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    module = {"delta-spark": "delta", "confluent-kafka": "confluent_kafka"}.get(package, package)
    pattern = re.compile(rf"^\s*(?:from|import) {module}\b", re.MULTILINE)
    assert any(pattern.search(path.read_text("utf-8")) for name in PACKAGES for path in sources(name))


def test_pins_of_jars_and_wheels_agree() -> None:
    """Spark's jars are for the Spark that is installed, Delta's for the Delta."""
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    jars = (ROOT / "scripts" / "stack" / "jars" / "ivy.xml").read_text("utf-8")
    (spark,) = re.findall(r"^pyspark==(\S+)", lock, re.MULTILINE)
    (delta,) = re.findall(r"^delta-spark==(\S+)", lock, re.MULTILINE)
    series = ".".join(spark.split(".")[:2])
    assert f'name="delta-spark_{series}_2.13" rev="{delta}"' in jars
    assert re.search(rf'name="spark-sql-kafka-0-10_2\.13" rev="{re.escape(series)}\.\d+"', jars)


def test_nothing_points_at_a_registry_or_at_this_machine() -> None:
    registry = "|".join(("py" + "pi", "python" + "hosted", "mav" + "en", "npm" + "js", "deb" + "ian"))
    pattern = re.compile(rf"(https?://|[a-z0-9]\.)[a-z0-9.-]*({registry})[a-z0-9.-]*\.(org|com|net)")
    found = []
    for path in tracked_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        if pattern.search(text):
            found.append(str(path.relative_to(ROOT)))
    assert found == []


def test_nothing_large_or_foreign_is_committed() -> None:
    foreign = (".jar", ".whl", ".min.js", ".min.css", ".woff2", ".tar.gz", ".class", ".so")
    found = [str(path.relative_to(ROOT)) for path in tracked_files() if path.name.endswith(foreign)]
    assert found == []
