"""The server's side of training on Ray, without Ray."""

import importlib.util
from pathlib import Path

import pytest

from scheduler.records import RayConfig
from scheduler.trainer.cluster.trainer import RayTrainer


def test_without_ray_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs Ray: pip install 'loralei\[ray\]'"):
        RayTrainer(tmp_path, RayConfig(), 60.0)
