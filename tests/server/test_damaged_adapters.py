"""Damaged adapters are found at the start and by the doctor, which say what to do."""

import logging
from pathlib import Path

import pytest

from adapters_store.files import WEIGHTS_FILE
from server.cli import doctor
from server.cli.doctor import Status
from server.data_folder import DataFolder
from server.settings import Settings
from server.stores import open_stores, report_damage
from tests.adapters_store.make import make_version


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with two versions of Ann's, of which the second is damaged."""
    folder = DataFolder(tmp_path / "data")
    stores = open_stores(folder)
    try:
        for number in (1, 2):
            staged = stores.files.stage()
            (staged / WEIGHTS_FILE).write_bytes(b"weights")
            published = stores.files.publish(staged, user_id="ann")
            stores.registry.register(
                make_version(
                    number=number,
                    user_id="ann",
                    folder=published.folder,
                    checksum=published.checksum,
                )
            )
        (folder.adapters / published.folder / WEIGHTS_FILE).write_bytes(b"weighty")
    finally:
        stores.database.close()
        folder.release()
    return folder.path


def test_a_start_logs_damaged_versions_and_what_to_do(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = DataFolder(data)
    stores = open_stores(folder)
    try:
        report_damage(stores)
    finally:
        stores.database.close()
        folder.release()
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "v2 of ann are damaged: copy their folder from a backup" in record.getMessage()


def test_the_doctor_warns_of_damaged_versions(data: Path) -> None:
    checks = {each.name: each for each in doctor.examine(Settings(data_dir=data))}
    assert checks["Database"].status is Status.OK
    assert checks["Adapters"].status is Status.WARNING
    assert checks["Adapters"].found == "damaged: v2 of ann"
    assert "from a backup" in checks["Adapters"].advice
