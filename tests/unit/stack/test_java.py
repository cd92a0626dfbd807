"""Java: the argument it must not see, and the certificates it must trust."""

import datetime as dt
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from scripts.stack import java


def test_the_wrapper_drops_the_missing_module_and_hands_on_the_rest(tmp_path: Path) -> None:
    fake = tmp_path / "it's java"
    fake.write_text('#!/bin/sh\nfor each do echo "<$each>"; done\n')
    fake.chmod(0o755)
    wrapper = tmp_path / "java"
    wrapper.write_text(java._wrapper(fake))
    wrapper.chmod(0o755)
    done = subprocess.run([wrapper, "-Xmx1g", java.DROPPED, "a b", ""], capture_output=True, text=True, check=True)
    assert done.stdout == "<-Xmx1g>\n<a b>\n<>\n"


def test_java_home_is_written_once_and_follows_the_environment(tmp_path: Path) -> None:
    home = java.ensure_java_home(tmp_path)
    wrapper = home / "bin" / "java"
    assert str(java.real_java()) in wrapper.read_text("utf-8")
    written = wrapper.stat().st_mtime_ns
    java.ensure_java_home(tmp_path)
    assert wrapper.stat().st_mtime_ns == written
    wrapper.write_text("exec /gone/java")
    java.ensure_java_home(tmp_path)
    assert str(java.real_java()) in wrapper.read_text("utf-8")


def test_java_reads_the_trust_store_that_is_built(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a company's proxy")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1)
    ).sign(key, hashes.SHA256())
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(certificate.public_bytes(Encoding.PEM))
    store = java.build_trust_store(bundle, tmp_path / "java" / "truststore.p12")
    keytool = java.real_java().with_name("keytool")
    listed = subprocess.run(
        [keytool, "-list", "-keystore", store, "-storepass", java.STORE_PASSWORD],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "trustedCertEntry" in listed.stdout


def test_a_proxy_of_the_environment_reaches_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "getproxies", lambda: {"https": "http://proxy.example:3128"})
    options = java.network_options(tmp_path)
    assert "-Dhttps.proxyHost=proxy.example" in options
    assert "-Dhttps.proxyPort=3128" in options
