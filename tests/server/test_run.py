"""Addresses: loopback by default, names by the public URL alone, certificates made or given."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest

from hiwm.errors import BadInput
from hiwm.server.run import Address, names_of
from hiwm.server.tls import certificate_for


def test_loopback_is_the_default() -> None:
    names = names_of(Address(), 8123)
    assert names.url == "http://127.0.0.1:8123"
    assert names.hosts == {"127.0.0.1:8123", "localhost:8123", "[::1]:8123"}
    assert not names.secure


def test_other_addresses_need_a_name() -> None:
    with pytest.raises(BadInput, match="expected --public-url"):
        names_of(Address(host="0.0.0.0"), 8123)


def test_the_public_url_is_the_one_source_of_names() -> None:
    names = names_of(Address(host="0.0.0.0", tls="auto", public_url="https://console.example.org:8443"), 8123)
    assert names.hosts == {"console.example.org:8443"}
    assert names.origins == {"https://console.example.org:8443"}
    assert names.secure


@pytest.mark.parametrize(
    "url", ["console.example.org", "http://console.example.org", "https://a/b", "ftp://a", "https://", "https://a?b=c"]
)
def test_public_urls_that_are_none(url: str) -> None:
    with pytest.raises(BadInput, match="expected --public-url"):
        names_of(Address(host="0.0.0.0", public_url=url), 8123)


def test_a_certificate_is_made_once_for_its_name(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not here")
    made = certificate_for("auto", "https://console.example.org", tmp_path)
    assert made.fingerprint is not None
    assert len(made.fingerprint) == 95
    assert made.key.stat().st_mode & 0o077 == 0
    assert certificate_for("auto", "https://console.example.org", tmp_path) == made
    given = certificate_for(f"{made.certificate},{made.key}", "https://console.example.org", tmp_path)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(given.certificate, given.key)


@pytest.mark.parametrize("tls", ["", "cert.pem", "a,b"])
def test_certificates_that_are_none(tmp_path: Path, tls: str) -> None:
    with pytest.raises(BadInput, match="expected --tls"):
        certificate_for(tls, "https://a", tmp_path)


def test_a_key_that_is_another_ones_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("no certificate")
    with pytest.raises(BadInput, match="do not go together"):
        certificate_for(f"{tmp_path / 'a'},{tmp_path / 'a'}", "https://a", tmp_path)
