"""Runs the server: checks the address, prints one link, and stops so that all sessions are saved."""

from __future__ import annotations

import getpass
import ipaddress
import re
import socket
import sqlite3
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from hiwm.errors import BadInput
from hiwm.server.accounts import LINK_S
from hiwm.server.app import NOT_BUILT, STATIC, make_app
from hiwm.server.handlers import Door
from hiwm.server.hub import Hub, HubSettings
from hiwm.server.logs import log, set_up_logs
from hiwm.server.tls import Certificate, certificate_for
from hiwm.server.wire import MOST_BYTES, NAME, Role

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Address:
    """Where the server listens and how it is called. public_url: the one source of Host and Origin, where given."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: str | None = None
    public_url: str | None = None


@dataclass(frozen=True)
class Names:
    """What may stand in Host and Origin, and where people find the page."""

    url: str
    hosts: frozenset[str]
    origins: frozenset[str]

    @property
    def secure(self) -> bool:
        """True where the page is at https."""
        return self.url.startswith("https:")


def names_of(address: Address, port: int) -> Names:
    """The names of a server that listens at a port; raises BadInput where they cannot be known."""
    scheme = "https" if address.tls else "http"
    if address.public_url is None:
        if address.host not in LOOPBACK:
            raise BadInput(
                f"expected --public-url with --host {address.host}: the address that people will open, "
                "for example https://console.example.org; without it only this machine may ask"
            )
        hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]
        return Names(f"{scheme}://{hosts[0]}", frozenset(hosts), frozenset(f"{scheme}://{host}" for host in hosts))
    parts = urlsplit(address.public_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise BadInput(f"expected --public-url as https://HOST or https://HOST:PORT, got {address.public_url!r:.100}")
    if parts.scheme == "http" and not _is_private(parts.hostname):
        raise BadInput("expected --public-url at https: over http anybody on the way can steer; add --tls auto")
    origin = f"{parts.scheme}://{parts.netloc}"
    return Names(origin, frozenset({parts.netloc}), frozenset({origin}))


def _is_private(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(
    settings: HubSettings,
    address: Address,
    browser: bool = True,
    static: Path = STATIC,
    tell: Callable[[str], None] = print,
) -> None:
    """Serves until SIGINT or SIGTERM."""
    listener = _listen(address)
    port = int(listener.getsockname()[1])
    names = names_of(address, port)
    settings.root.mkdir(parents=True, exist_ok=True)
    certificate = certificate_for(address.tls, names.url, settings.root) if address.tls else None
    set_up_logs()
    hub = Hub(settings)
    link = f"{names.url}/#token={hub.accounts.invite(_user_name(), Role.ADMIN, LINK_S)}"
    door = Door(names.url, f"{'__Host-' if names.secure else ''}hiwm-{port}", names.secure)
    app = make_app(hub, door, names.hosts, names.origins, static)
    server = uvicorn.Server(_config(app, certificate))
    _say(tell, link, certificate, static)
    if browser:
        threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()  # some browsers do not return
    log("serving", url=names.url, root=str(settings.root), sqlite=sqlite3.sqlite_version)
    server.run(sockets=[listener])


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio sends small messages at once only on sockets that say they are TCP
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
        listener.listen(128)  # the link is printed before the server runs; who comes meanwhile waits
    except OSError as error:
        listener.close()
        raise BadInput(
            f"{address.host}:{address.port} cannot be used ({error.strerror}); take another --port"
        ) from error
    return listener


def _config(app: object, certificate: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        ssl_certfile=None if certificate is None else str(certificate.certificate),
        ssl_keyfile=None if certificate is None else str(certificate.key),
    )


def _say(tell: Callable[[str], None], link: str, certificate: Certificate | None, static: Path) -> None:
    tell(link)
    if certificate is not None and certificate.fingerprint is not None:
        tell(f"self-signed certificate, made with openssl; SHA-256 {certificate.fingerprint}")
    if not (static / "index.html").is_file():
        tell(NOT_BUILT)
    sys.stdout.flush()


def _user_name() -> str:
    """Whoever starts the server, as a name that the server takes."""
    try:
        name = re.sub(r"[^a-z0-9._-]", "", getpass.getuser().lower())
    except (OSError, KeyError):
        name = ""
    return name if re.fullmatch(NAME, name) else "admin"
