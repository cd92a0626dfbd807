"""Jars: what counts as there, and what is noticed when it is not."""

import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from scripts.stack.jars import fetch
from scripts.stack.jars.manifest import Jar, broken, read_manifest, write_manifest


def jar(folder: Path, path: str, content: bytes) -> Jar:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return Jar(path, hashlib.sha256(content).hexdigest())


def test_whole_files_are_accepted_and_damaged_ones_named(tmp_path: Path) -> None:
    good, cut = jar(tmp_path, "kafka/a.jar", b"whole"), jar(tmp_path, "kafka/b.jar", b"whole")
    gone = Jar("spark/c.jar", "0" * 64)
    assert broken(tmp_path, [good, cut, gone]) == [gone]
    (tmp_path / cut.path).write_bytes(b"who")
    assert broken(tmp_path, [good, cut, gone]) == [cut, gone]


def test_a_file_that_was_hashed_before_is_hashed_again_only_when_it_changed(tmp_path: Path) -> None:
    kept = jar(tmp_path, "kafka/a.jar", b"whole")
    assert broken(tmp_path, [kept]) == []
    mark = (tmp_path / kept.path).stat()
    (tmp_path / kept.path).write_bytes(b"other")
    assert broken(tmp_path, [kept]) == [kept]
    (tmp_path / kept.path).write_bytes(b"whole")
    os.utime(tmp_path / kept.path, ns=(mark.st_atime_ns, mark.st_mtime_ns))
    assert broken(tmp_path, [kept]) == []


def test_a_new_checksum_in_the_list_is_not_hidden_by_the_old_stamp(tmp_path: Path) -> None:
    kept = jar(tmp_path, "kafka/a.jar", b"whole")
    assert broken(tmp_path, [kept]) == []
    renewed = Jar(kept.path, "f" * 64)
    assert broken(tmp_path, [renewed]) == [renewed]


def test_the_list_can_be_written_and_read(tmp_path: Path) -> None:
    jars = [jar(tmp_path / "jars", "kafka/a.jar", b"1"), jar(tmp_path / "jars", "spark/b.jar", b"2")]
    write_manifest(tmp_path / "jars", tmp_path / "list")
    assert read_manifest(tmp_path / "list") == jars


def test_every_pinned_jar_of_spark_has_a_checksum() -> None:
    names = {each.path for each in read_manifest()}
    for name in ("delta-spark_4.0_2.13-4.4.0", "spark-sql-kafka-0-10_2.13-4.0.0", "spark-avro_2.13-4.0.0"):
        assert f"spark/{name}.jar" in names
    assert {each.group for each in read_manifest()} == set(fetch.GROUPS)


def test_an_unpacked_archive_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "run.jar").write_bytes(b"x" * 100)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "in", ".")
    archive = Jar("registry/a.tar.gz", "0" * 64)
    fetch._unpack(tmp_path / "a.tar.gz", tmp_path / "registry", archive)
    assert fetch._is_unpacked(tmp_path / "registry", archive)
    assert not fetch._is_unpacked(tmp_path / "registry", Jar(archive.path, "1" * 64))
    (tmp_path / "registry" / "run.jar").write_bytes(b"x")
    assert not fetch._is_unpacked(tmp_path / "registry", archive)


def test_nothing_is_fetched_when_everything_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "missing_jars", lambda cache: [])
    assert fetch.ensure_jars(tmp_path, print) == fetch.Fetched(0, changed=False)


def test_a_file_that_is_not_what_the_list_says_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "missing_jars", lambda cache: [Jar("kafka/a.jar", "0" * 64)])
    monkeypatch.setattr(fetch, "_resolve", lambda cache, groups, say: 5)
    with pytest.raises(fetch.SetupFailed, match=r"kafka/a\.jar is not what"):
        fetch.ensure_jars(tmp_path, print)
