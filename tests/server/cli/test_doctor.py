"""What the doctor finds, and what it says to do."""

from pathlib import Path

import pytest

from server.base_model.advice import Measured
from server.base_model.choice import Choice
from server.cli import doctor
from server.cli.doctor import Check, Status
from server.data_folder import CHOICE_FILE
from server.settings import Settings


def test_a_supported_python_is_fine() -> None:
    assert doctor.check_python((3, 12, 1)).status is Status.OK


@pytest.mark.parametrize("version", [(3, 10, 14), (3, 14, 0)])
def test_another_python_is_missing_and_says_what_to_install(version: tuple[int, ...]) -> None:
    check = doctor.check_python(version)
    assert check.status is Status.MISSING
    assert "3.11" in check.advice


def test_a_tested_pytorch_is_fine_whatever_it_was_built_for() -> None:
    assert doctor.check_torch("2.13.0+cpu").status is Status.OK


def test_an_untested_pytorch_is_a_warning() -> None:
    assert doctor.check_torch("2.14.0").status is Status.WARNING


def test_without_pytorch_something_is_missing() -> None:
    assert doctor.check_torch(None).status is Status.MISSING


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.44.5", "3.50.6", "3.51.2"])
def test_a_sqlite_that_may_lose_commits_is_a_warning(version: str) -> None:
    check = doctor.check_sqlite(version)
    assert check.status is Status.WARNING
    assert "pysqlite3" in check.advice


@pytest.mark.parametrize("version", ["3.6.23", "3.44.6", "3.50.7", "3.51.3", "3.53.4"])
def test_a_mended_sqlite_is_fine(version: str) -> None:
    assert doctor.check_sqlite(version).status is Status.OK


def test_a_machine_without_a_gpu_is_fine() -> None:
    assert doctor.check_gpu([], has_driver=False).status is Status.OK


def test_a_gpu_that_pytorch_cannot_use_is_a_warning() -> None:
    assert doctor.check_gpu([], has_driver=True).status is Status.WARNING


def test_a_gpu_is_named() -> None:
    assert doctor.check_gpu(["NVIDIA H200"], has_driver=True).found == "NVIDIA H200"


def test_a_model_that_is_fetched_later_is_fine_and_its_size_said() -> None:
    check = doctor.check_model(Choice("smollm2-135m"), is_there=False)
    assert check.status is Status.OK
    assert check.found == "smollm2-135m, fetched at the next start (93 MB)"


def test_a_model_folder_that_is_not_there_is_missing() -> None:
    check = doctor.check_model(Choice("./models/mine"), is_there=False)
    assert check.status is Status.MISSING


def test_a_vllm_server_that_does_not_answer_is_missing(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"
    settings = Settings(data_dir=tmp_path, engine="vllm", vllm_urls=(nobody,))
    [check] = [each for each in doctor.examine(settings) if each.name == "vLLM"]
    assert (check.status, check.found) == (Status.MISSING, nobody)
    assert "no vLLM server answers" in check.advice


def test_without_vllm_nothing_is_said_of_it(tmp_path: Path) -> None:
    assert "vLLM" not in [each.name for each in doctor.examine(Settings(data_dir=tmp_path))]


def test_too_little_memory_for_the_model_is_a_warning() -> None:
    check = doctor.check_memory("qwen2.5-coder-0.5b", 1_200_000_000, is_running=False)
    assert check.status is Status.WARNING
    assert "needs 2.3 GB" in check.advice


@pytest.mark.parametrize(
    ("model", "is_running"),
    [("smollm2-135m", False), ("mine", False), ("qwen2.5-coder-0.5b", True)],
)
def test_memory_is_fine_for_a_small_an_unknown_and_a_running_model(
    model: str, is_running: bool
) -> None:
    assert doctor.check_memory(model, 1_200_000_000, is_running).status is Status.OK


def test_what_the_last_start_measured_is_shown() -> None:
    measured = Measured("m", 1, 3_200_000_000, 9_000_000_000, 12.0)
    check = doctor.check_speed(measured, "")
    assert check.status is Status.OK
    assert check.found == "last start: m takes 3.2 GB of memory and writes 12 tokens/s."


def test_a_slow_model_is_a_warning_with_the_advice() -> None:
    measured = Measured("m", 1, 3_200_000_000, 9_000_000_000, 2.0)
    check = doctor.check_speed(measured, "A smaller model is quicker")
    assert (check.status, check.advice) == (Status.WARNING, "A smaller model is quicker")


def test_before_the_first_start_no_speed_is_known() -> None:
    assert doctor.check_speed(None, "").status is Status.OK


@pytest.mark.parametrize(
    ("free", "status"),
    [(50_000_000_000, Status.OK), (900_000_000, Status.WARNING), (1_000, Status.MISSING)],
)
def test_little_disk_is_a_warning_and_none_is_missing(free: int, status: Status) -> None:
    assert doctor.check_disk("Disk", Path("data"), free).status is status


def test_a_data_folder_that_cannot_be_written_is_missing() -> None:
    check = doctor.check_data_dir(Path("data"), "Permission denied")
    assert check.status is Status.MISSING
    assert "data_dir" in check.advice


def test_a_port_that_loralei_itself_uses_is_fine() -> None:
    check = doctor.check_port("127.0.0.1", 8000, "http://127.0.0.1:8000", None)
    assert check.status is Status.OK


def test_a_port_that_somebody_else_uses_is_missing() -> None:
    assert doctor.check_port("127.0.0.1", 8000, None, "in use").status is Status.MISSING


def test_this_machine_is_examined_without_making_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", model_cache=tmp_path / "models", port=0)
    names = [check.name for check in doctor.examine(settings)]
    assert {"Python", "PyTorch", "GPU", "SQLite", "Base model", "Memory", "Speed", "Port"} <= set(
        names
    )
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_choice_of_the_model_is_missing_and_explained(tmp_path: Path) -> None:
    (tmp_path / CHOICE_FILE).write_text("{")
    settings = Settings(data_dir=tmp_path, model_cache=tmp_path / "models", port=0)
    [check] = [each for each in doctor.examine(settings) if each.name == "Base model"]
    assert check.status is Status.MISSING
    assert "delete it" in check.advice


def test_the_exit_status_is_1_if_something_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Check("Port", Status.MISSING, "in use", "stop what uses it")
    monkeypatch.setattr(doctor, "examine", lambda settings: [missing])
    assert doctor.report(Settings()) == 1
    assert "stop what uses it" in capsys.readouterr().out


def test_the_exit_status_is_0_if_there_are_only_warnings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warning = Check("SQLite", Status.WARNING, "3.40.1", "upgrade")
    monkeypatch.setattr(doctor, "examine", lambda settings: [warning])
    assert doctor.report(Settings()) == 0
