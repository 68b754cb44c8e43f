"""Certificates for `--tls`: somebody's own, or a self-signed one made with the machine's openssl command."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hiwm.errors import BadInput

DAYS = 365


@dataclass(frozen=True)
class Certificate:
    """Files as PEM. fingerprint: SHA-256 of a certificate that was made here, to compare in the browser's warning."""

    certificate: Path
    key: Path
    fingerprint: str | None = None


def certificate_for(tls: str, url: str, folder: Path) -> Certificate:
    """`auto` makes one for the host of the URL (and keeps it in the folder); else CERT,KEY. Raises BadInput."""
    if tls == "auto":
        return _self_signed(urlsplit(url).hostname or "localhost", folder)
    certificate, comma, key = tls.partition(",")
    if not comma or not Path(certificate).is_file() or not Path(key).is_file():
        raise BadInput(f"expected --tls auto or --tls CERT,KEY with two PEM files, got {tls!r}")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise BadInput(f"{certificate} and {key} do not go together as certificate and key ({error})") from error
    return Certificate(Path(certificate), Path(key))


def _self_signed(host: str, folder: Path) -> Certificate:
    certificate, key = folder / f"tls-{host}.crt", folder / f"tls-{host}.key"
    if not (certificate.is_file() and key.is_file()):
        _make(host, certificate, key)
    data = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    digest = hashlib.sha256(data).hexdigest().upper()
    return Certificate(certificate, key, ":".join(digest[i : i + 2] for i in range(0, len(digest), 2)))


def _make(host: str, certificate: Path, key: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        raise BadInput("--tls auto needs the openssl command, which is not here; install it, or give --tls CERT,KEY")
    kind = "IP" if host.replace(".", "").isdecimal() or ":" in host else "DNS"
    key.touch(mode=0o600)
    made = subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", str(DAYS), "-subj", f"/CN={host}"[:60], "-addext", f"subjectAltName={kind}:{host}",
         "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise BadInput(f"openssl made no certificate for {host}: {made.stderr.strip()[-200:]}")
