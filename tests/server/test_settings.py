from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters_store.generation_defaults import GenerationDefaults
from scheduler.records import TrainingConfig
from server.settings import SamplingConfig, Settings


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings but a test's own: an empty working directory, no variables."""
    import os

    for name in list(os.environ):
        if name.startswith("LORALEI_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    yield


def test_without_any_settings_the_model_is_chosen_and_served_to_this_machine_only() -> None:
    settings = Settings()
    assert (settings.model, settings.host, settings.port) == ("auto", "127.0.0.1", 8000)


def test_defaults_of_the_packages_are_written_once() -> None:
    assert Settings().training == TrainingConfig()


def test_the_file_in_the_working_directory_is_read() -> None:
    Path("loralei.toml").write_text("port = 9000\n[training]\nmax_steps = 7\n[lora]\nrank = 4\n")
    settings = Settings()
    assert (settings.port, settings.training.max_steps, settings.lora.rank) == (9000, 7, 4)
    assert settings.training.learning_rate == TrainingConfig().learning_rate


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("loralei.toml").write_text("port = 9000\n")
    monkeypatch.setenv("LORALEI_PORT", "9001")
    monkeypatch.setenv("LORALEI_GATE__MAX_REFERENCE_KL", "0.25")
    assert (Settings().port, Settings().gate.max_reference_kl) == (9001, 0.25)


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORALEI_PORT", "9001")
    assert Settings(port=9002).port == 9002


def test_targets_can_be_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORALEI_LORA__TARGETS", "q_proj, v_proj")
    assert Settings().lora.targets == ("q_proj", "v_proj")


def test_proxies_and_origins_can_be_listed_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LORALEI_TRUSTED_PROXIES", "10.0.0.1, 172.16.0.0/12")
    monkeypatch.setenv("LORALEI_CORS_ORIGINS", "https://a.example,http://localhost:3000")
    settings = Settings()
    assert settings.trusted_proxies == ("10.0.0.1", "172.16.0.0/12")
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")


def test_proxies_and_origins_can_be_listed_in_the_file() -> None:
    Path("loralei.toml").write_text('trusted_proxies = ["::1"]\ncors_origins = ["*"]\n')
    settings = Settings()
    assert (settings.trusted_proxies, settings.cors_origins) == (("::1",), ("*",))


@pytest.mark.parametrize("text", ["prot = 1", "[training]\nmax_step = 3", "[lora]\nr = 4"])
def test_an_unknown_option_in_the_file_is_an_error(text: str) -> None:
    Path("loralei.toml").write_text(text)
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize("variable", ["LORALEI_PROT", "LORALEI_TRAINING__MAX_STEP"])
def test_an_unknown_variable_is_an_error(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "3")
    with pytest.raises(ValueError, match=r"(?i)prot|max_step"):
        Settings()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("port", 70000),
        ("device", "gpu"),
        ("dtype", "float16"),
        ("max_batch_size", 0),
        ("lora", {"rank": 0}),
        ("lora", {"rank": 1000}),
        ("training_batch_users", 0),
        ("training_batch_users", 1000),
        ("trainer", "kubernetes"),
        ("ray", {"address": "ray://head:10001"}),
        ("ray", {"address": "head:6379 --x"}),
        ("ray", {"num_cpus": 0}),
        ("ray", {"num_gpus": 2}),
        ("ray", {"num_gpus": float("nan")}),
        ("ray", {"parallel_runs": 0}),
        ("ray", {"parallel_runs": 1000}),
        ("sampling", {"temperature": 2.1}),
        ("sampling", {"top_p": -0.1}),
        ("sampling", {"top_k": -1}),
        ("openwebui_jwt_secret", "short"),
        ("trusted_proxies", ["proxy.example"]),
        ("trusted_proxies", ["*"]),
        ("cors_origins", ["https://a.example/"]),
        ("cors_origins", ["a.example"]),
    ],
)
def test_an_impossible_value_is_an_error(option: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({option: value})


def test_sampling_settings_go_before_the_base_models_own(monkeypatch: pytest.MonkeyPatch) -> None:
    model = GenerationDefaults(temperature=0.7, top_p=0.8, top_k=20)
    assert SamplingConfig().over(model) == model
    Path("loralei.toml").write_text("[sampling]\ntemperature = 0\n")
    monkeypatch.setenv("LORALEI_SAMPLING__TOP_K", "0")
    assert Settings().sampling.over(model) == GenerationDefaults(0, 0.8, 0)


def test_secrets_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORALEI_ADMIN_KEY", "lk-very-secret-0123")
    assert "very-secret" not in repr(Settings())
    monkeypatch.setenv("LORALEI_OPENWEBUI_JWT_SECRET", "too-short-secret")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "too-short-secret" not in str(refused.value)


def test_every_setting_is_described() -> None:
    undescribed = [name for name, field in Settings.model_fields.items() if not field.description]
    assert undescribed == []


def test_only_adapters_that_are_stored_elsewhere_may_leave_the_disk() -> None:
    with pytest.raises(ValidationError, match="needs adapters_url"):
        Settings(adapters_disk_mb=1)
    assert Settings(adapters_disk_mb=1, adapters_url="file:///x").adapters_disk_mb == 1


def test_vllm_needs_a_server() -> None:
    with pytest.raises(ValidationError, match="list the servers in vllm_urls"):
        Settings(engine="vllm")


def test_the_environment_lists_servers_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORALEI_VLLM_URLS", "http://a:8100/, https://b")
    assert Settings().vllm_urls == ("http://a:8100", "https://b")


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(ValidationError, match="vllm_urls"):
        Settings(vllm_urls=("127.0.0.1:8100",))
