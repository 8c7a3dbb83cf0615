"""Downloads one file over HTTP: resumable, and verified before it gets its final name."""

import os
import shutil
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx

from adapters_store.durable import sha256_of
from adapters_store.errors import DamagedFileError, ModelFetchError

Progress = Callable[[str, int, int], None]
"""Called with a phase's name, the bytes done and the total; 0 if unknown."""

RETRY_WAITS = (1.0, 3.0, 9.0)
"""Seconds before each retry; they start again after an attempt that received bytes."""

_TIMEOUT = httpx.Timeout(30.0)
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class _RetryableError(Exception):
    """This attempt failed, but another may succeed."""


def download(url: str, target: Path, *, sha256: str | None, progress: Progress) -> None:
    """Fetch `url` into `target`, continuing from `target`'s `.partial` file if there is one.

    A `file:` URL is copied. Raises `ModelFetchError` if the server cannot be reached or refuses,
    `DamagedFileError` if the SHA-256 is not `sha256`.
    """
    partial = target.with_name(target.name + ".partial")
    if urlsplit(url).scheme == "file":
        shutil.copyfile(url2pathname(urlsplit(url).path), partial)
    else:
        _fetch(url, partial, progress)
    if sha256 is not None and (found := sha256_of(partial)) != sha256:
        partial.unlink()
        raise DamagedFileError(
            f"the download of {target.name} is damaged or was tampered with: its SHA-256 is "
            f"{found}, expected {sha256}. It was deleted: try again"
        )
    partial.replace(target)


def _fetch(url: str, partial: Path, progress: Progress) -> None:
    waits = iter(RETRY_WAITS)
    with httpx.Client(verify=_ssl_context(), timeout=_TIMEOUT, follow_redirects=True) as client:
        while True:
            have = _size(partial)
            try:
                return _attempt(client, url, partial, progress)
            except (httpx.RequestError, _RetryableError) as error:
                if _size(partial) > have:
                    waits = iter(RETRY_WAITS)
                wait = next(waits, None)
                if wait is None:
                    raise ModelFetchError(
                        f"could not download {url}: {error or type(error).__name__}. Check the "
                        "network connection and proxy settings, then start again: the "
                        f"{_size(partial):,} bytes that arrived are not fetched again"
                    ) from error
                time.sleep(wait)


def _attempt(client: httpx.Client, url: str, partial: Path, progress: Progress) -> None:
    have = _size(partial)
    # A compressed response could be neither counted nor continued.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 416:
            if response.headers.get("Content-Range") == f"bytes */{have}":
                return
            partial.unlink(missing_ok=True)
            raise _RetryableError("the server could not continue the download")
        if response.status_code in _TRANSIENT:
            raise _RetryableError(f"the server answered {response.status_code}")
        if response.status_code not in (200, 206):
            raise ModelFetchError(f"could not download {url}: it answered {response.status_code}")
        _save(response, partial, have, progress)


def _save(response: httpx.Response, partial: Path, have: int, progress: Progress) -> None:
    continues = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    if response.status_code == 206 and not continues:
        raise _RetryableError("the server sent another part than the one asked for")
    if response.status_code == 200:
        have = 0
    total = have + int(response.headers.get("Content-Length", -have))
    with partial.open("ab" if have else "wb") as file:
        for chunk in response.iter_raw():
            file.write(chunk)
            have += len(chunk)
            progress("downloading", have, total)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _ssl_context() -> ssl.SSLContext:
    """The system's certificates, or those that the settings of pip and others name."""
    for variable in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        if location := os.environ.get(variable):
            if Path(location).is_dir():
                return ssl.create_default_context(capath=location)
            return ssl.create_default_context(cafile=location)
    return ssl.create_default_context()
