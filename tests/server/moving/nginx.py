"""Runs nginx in front of two cells, with `deploy/cells.nginx.conf` and a certificate of its own."""

import grp
import os
import pwd
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server.proxies.running import (
    DEPLOY,
    NGINX,
    free_port,
    make_certificate,
    replaced,
    wait_until_listening,
)


@dataclass(frozen=True)
class CellProxy:
    """A running nginx, and its two maps."""

    url: str
    tls: ssl.SSLContext
    pid: int
    folder: Path

    def lead(self, moved: Sequence[str]) -> None:
        """Let it lead moved users by these lines from now on."""
        (self.folder / "moved.map").write_text("\n".join(moved), encoding="utf-8")
        os.kill(self.pid, signal.SIGHUP)


@contextmanager
def leading(cells: Sequence[str], frontends: Sequence[str], folder: Path) -> Iterator[CellProxy]:
    """Run nginx in front of the cells' URLs, with lines of `frontends.map`.

    Skips the test if nginx is missing.
    """
    program = shutil.which("nginx", path="/usr/local/bin:/usr/bin:/usr/sbin")
    if program is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not installed: apt-get install nginx openssl")
    certificate, key = make_certificate(folder)
    port = free_port()
    (folder / "frontends.map").write_text("\n".join(frontends), encoding="utf-8")
    (folder / "moved.map").touch()
    letsencrypt, maps = "/etc/letsencrypt/live/chat.example.org", "/etc/nginx/loralei"
    site = replaced(
        (DEPLOY / "cells.nginx.conf").read_text(encoding="utf-8"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        (f"{letsencrypt}/fullchain.pem", str(certificate)),
        (f"{letsencrypt}/privkey.pem", str(key)),
        ("server_name chat.example.org", "server_name localhost"),
        (f"{maps}/frontends.map", str(folder / "frontends.map")),
        (f"{maps}/moved.map", str(folder / "moved.map")),
        ("10.0.0.1:8000", cells[0].removeprefix("http://")),
        ("10.0.0.2:8000", cells[1].removeprefix("http://")),
    )
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    whole = NGINX.format(folder=folder, site=site, user=user, group=group)
    (folder / "nginx.conf").write_text(whole, encoding="utf-8")
    command = [program, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    log = folder / "log"
    with log.open("wb") as stderr, subprocess.Popen(command, stderr=stderr) as process:
        try:
            wait_until_listening(process, port, log)
            tls = ssl.create_default_context(cafile=str(certificate))
            yield CellProxy(f"https://localhost:{port}", tls, process.pid, folder)
        finally:
            process.terminate()
