"""Runs Caddy or nginx on this machine, with the file of `deploy/` and a certificate of its own."""

import grp
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[3] / "deploy"
START_SECONDS = 20

# What surrounds the file in a Caddyfile: nothing outside this folder, no port but ours.
CADDY = """{{
    admin off
    auto_https disable_redirects
    storage file_system {folder}
}}
{site}
"""

# The same for nginx, whose packages bring such a file.
NGINX = """daemon off;
user {user} {group};
pid {folder}/pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


@dataclass(frozen=True)
class Proxy:
    """Where a proxy listens, and what a client needs to trust its certificate."""

    url: str
    tls: ssl.SSLContext


@contextmanager
def proxying(program: str, upstream: str, folder: Path) -> Iterator[Proxy]:
    """Run the `program` in front of a server's URL, with files in a folder.

    Only host, port and certificate of its file are replaced. Skips the test if the program is
    missing.
    """
    path = shutil.which(program, path="/usr/local/bin:/usr/bin:/usr/sbin")
    if path is None or shutil.which("openssl") is None:
        pytest.skip(f"{program} or openssl is not installed: apt-get install caddy nginx openssl")
    certificate, key = make_certificate(folder)
    port = free_port()
    write = caddy_command if program == "caddy" else nginx_command
    command = write(folder, port, upstream.removeprefix("http://"), certificate, key)
    log = folder / "log"
    with log.open("wb") as stderr, subprocess.Popen([path, *command], stderr=stderr) as process:
        try:
            wait_until_listening(process, port, log)
            tls = ssl.create_default_context(cafile=str(certificate))
            yield Proxy(f"https://localhost:{port}", tls)
        finally:
            process.terminate()


def caddy_command(folder: Path, port: int, server: str, certificate: Path, key: Path) -> list[str]:
    """Write the Caddyfile; the arguments that take it."""
    site = replaced(
        (DEPLOY / "Caddyfile").read_text(encoding="utf-8"),
        ("chat.example.org {", f"https://localhost:{port} {{\n\ttls {certificate} {key}"),
        ("127.0.0.1:8000", server),
    )
    file = folder / "Caddyfile"
    file.write_text(CADDY.format(folder=folder, site=site), encoding="utf-8")
    return ["run", "--config", str(file), "--adapter", "caddyfile"]


def nginx_command(folder: Path, port: int, server: str, certificate: Path, key: Path) -> list[str]:
    """Write nginx's configuration; the arguments that take it."""
    letsencrypt = "/etc/letsencrypt/live/chat.example.org"
    site = replaced(
        (DEPLOY / "nginx.conf").read_text(encoding="utf-8"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        (f"{letsencrypt}/fullchain.pem", str(certificate)),
        (f"{letsencrypt}/privkey.pem", str(key)),
        ("server_name chat.example.org", "server_name localhost"),
        ("127.0.0.1:8000", server),
    )
    file = folder / "nginx.conf"
    # Else root's workers are another user, who may not enter the folder.
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    whole = NGINX.format(folder=folder, site=site, user=user, group=group)
    file.write_text(whole, encoding="utf-8")
    return ["-p", str(folder), "-e", "stderr", "-c", str(file)]


def replaced(text: str, *changes: tuple[str, str]) -> str:
    """The text with each first part replaced by its second; it must be there once."""
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} is not there once"
        text = text.replace(old, new)
    return text


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for `localhost`, signed by itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    options = ["-nodes", "-days", "1", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *options, *names, *files], check=True, capture_output=True)
    return certificate, key


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once the port takes connections. Raises `AssertionError` with the log if it ends."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text(encoding="utf-8"))
