"""The operator's settings: `loralei.toml` in the working directory, overridden by `LORALEI_*`.

A nested option is in a table of the file, or `LORALEI_TRAINING__MAX_STEPS` in the environment.
Unknown options are errors.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from adapters_store.generation_defaults import MAX_TOP_K, GenerationDefaults
from adapters_store.records import LoraConfig
from adapters_store.user_cache import user_cache
from scheduler.evaluation.suite.records import SuiteConfig
from scheduler.records import (
    GateConfig,
    PolicyConfig,
    RayConfig,
    ScheduleConfig,
    TrainingConfig,
)
from server.cells import checked_shares

PREFIX = "LORALEI_"
_NO_SETTINGS = {f"{PREFIX}KEY", f"{PREFIX}TARGET_KEY"}  # of `loralei chat` and `users move`
SETTINGS_FILE = Path("loralei.toml")
MAX_RANK = 256
MAX_RAY_CPUS = 1024
MAX_PARALLEL_RUNS = 64
MAX_BATCH_USERS = 32
_RAY_ADDRESS = re.compile(r"auto|(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}")


def _split(value: Any) -> Any:
    """Let the environment list values with commas: `a, b`."""
    if isinstance(value, str):
        return [each.strip() for each in value.split(",") if each.strip()]
    return value


def _split_targets(value: Any) -> Any:
    """The same for targets: `LORALEI_LORA__TARGETS=q_proj,v_proj`."""
    if isinstance(value, dict) and "targets" in value:
        return {**value, "targets": _split(value["targets"])}
    return value


def _check_network(value: str) -> str:
    TypeAdapter(IPvAnyNetwork).validate_python(value)
    return value


Network = Annotated[str, AfterValidator(_check_network)]
Url = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^/\s]+/*$"),
    AfterValidator(lambda url: url.rstrip("/")),
]
Origin = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9+.-]*://[^/\s]+)$")]


def default_model_cache() -> Path:
    """In the user's cache folder."""
    return user_cache() / "models"


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """How replies are sampled if a request does not say; None leaves it to the base model."""

    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(ge=0, le=1)] = None
    top_k: Annotated[int | None, Field(ge=0, le=MAX_TOP_K)] = None

    def over(self, model: GenerationDefaults) -> GenerationDefaults:
        """These values, and the base model's own where there is none."""
        return GenerationDefaults(
            temperature=model.temperature if self.temperature is None else self.temperature,
            top_p=model.top_p if self.top_p is None else self.top_p,
            top_k=model.top_k if self.top_k is None else self.top_k,
        )


class Settings(BaseSettings):
    """Everything an operator may choose. Times are in seconds, lengths in tokens."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        toml_file=SETTINGS_FILE,
        extra="forbid",
        frozen=True,
        # Errors name the option but hide the value, which may be a secret.
        hide_input_in_errors=True,
    )

    model: str = Field(
        default="auto",
        min_length=1,
        description="Base model: auto, a built-in name, a folder, a GGUF file, a Hugging Face id.",
    )
    data_dir: Path = Field(
        default=Path("data"),
        description="Folder of the database and the adapters; one server at a time.",
    )
    adapters_url: str = Field(
        default="",
        description="Object storage that keeps every adapter, too, such as s3://bucket/cell-a.",
    )
    adapters_disk_mb: int = Field(
        default=0,
        ge=0,
        le=1 << 30,
        description="Megabytes of adapters on disk, if adapters_url has them all; 0 is no bound.",
    )
    model_cache: Path = Field(
        default_factory=default_model_cache,
        description="Folder for prepared base models.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one."
    )
    engine: Literal["local", "vllm"] = Field(
        default="local",
        description="Who writes replies: this process (local), or vLLM servers (vllm).",
    )
    vllm_urls: Annotated[tuple[Url, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(), description="Addresses of the vLLM servers, such as `http://127.0.0.1:8100`."
    )
    vllm_api_key: SecretStr | None = Field(
        default=None, description="Key of the vLLM servers (their `--api-key`)."
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="Where the model runs: auto, cpu, cuda, or cuda:N.",
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Number format of activations, and of weights in full precision.",
    )
    base_precision: Literal["auto", "int8", "full"] = Field(
        default="auto",
        description="Weights of the base: int8, or full as `dtype`; auto is int8 on a CPU.",
    )
    threads: int = Field(
        default=0, ge=0, le=1024, description="CPU threads for the model; 0 uses one per core."
    )
    admin_key: SecretStr | None = Field(
        default=None, description="Key of the first admin; if unset, one is made and shown once."
    )
    lora: Annotated[LoraConfig, BeforeValidator(_split_targets)] = Field(
        default=LoraConfig(), description="Shape of every adapter: rank, alpha, targets."
    )
    training: TrainingConfig = Field(
        default=TrainingConfig(),
        description="How an adapter is trained: steps, learning rates, loss weights.",
    )
    policy: PolicyConfig = Field(
        default=PolicyConfig(),
        description="When a user is due for training: new feedback, cool-down, daily runs.",
    )
    gate: GateConfig = Field(
        default=GateConfig(), description="Bounds that a new version must meet to be promoted."
    )
    suite: SuiteConfig = Field(
        default=SuiteConfig(),
        description="When the evaluation suite refuses a version, and whether it runs at night.",
    )
    evaluation_data: Path | None = Field(
        default=None,
        description="Folder with TruthfulQA (`truthfulqa_mc.json`), for the evaluation suite.",
    )
    schedule: ScheduleConfig = Field(
        default=ScheduleConfig(),
        description="When to check for due users and worse versions: interval, nightly cron line.",
    )
    run_timeout: float = Field(
        default=3600.0, gt=0, description="Longest time of one training run; then it is stopped."
    )
    training_batch_users: int = Field(
        default=1,
        ge=1,
        le=MAX_BATCH_USERS,
        description="Most users whose fits share a process and its forward and backward passes.",
    )
    trainer: Literal["process", "ray"] = Field(
        default="process",
        description="Where runs train: in a process of this machine, or on a Ray cluster.",
    )
    ray: RayConfig = Field(
        default=RayConfig(),
        description="The Ray cluster: its address, what a run takes of it, how many at a time.",
    )
    organisation: bool = Field(
        default=False,
        description="Fit an organisation's adapter every night, which takes part in all replies.",
    )
    max_batch_size: int = Field(
        default=16,
        ge=1,
        le=1024,
        description="Replies written at the same time; others wait in the queue.",
    )
    context_length: int = Field(
        default=0,
        ge=0,
        description="Longest prompt and reply together; 0 is the model's own limit.",
    )
    max_new_tokens: int = Field(
        default=512,
        ge=1,
        description="Longest reply if the request sets no limit; reasoning counts.",
    )
    sampling: SamplingConfig = Field(
        default=SamplingConfig(),
        description="Temperature, top_p and top_k if a request has none.",
    )
    dry_multiplier: float = Field(
        default=0.8,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="Strength of the DRY penalty on repetition in replies; 0 turns it off.",
    )
    memory_tokens: int = Field(
        default=512,
        ge=0,
        description="Most tokens that memory may add to a prompt; 0 turns memory off.",
    )
    memory_demonstrations: int = Field(
        default=5, ge=0, le=16, description="Most earlier exchanges that memory adds to a prompt."
    )
    memory_guidance: float = Field(
        default=1.5,
        ge=1,
        le=4,
        description="How far replies move away from what the model says without the user's memory;"
        " 1 is not at all.",
    )
    queue_limit: int = Field(
        default=256,
        ge=1,
        le=100_000,
        description="Most requests that may wait, without those in the background; more are refused"
        " with 503.",
    )
    user_queue_limit: int = Field(
        default=32,
        ge=8,
        le=100_000,
        description="Most replies that may wait for one user; more are refused with 429.",
    )
    prefill_chunk: int = Field(
        default=256,
        ge=16,
        le=65_536,
        description="Prompt tokens prefilled per step while replies are being written.",
    )
    adapter_cache_mb: int = Field(
        default=512, ge=0, description="Memory for adapters that are not in use at the moment."
    )
    prefix_cache_mb: int = Field(
        default=512, ge=0, description="Memory for finished chats; their next turn starts sooner."
    )
    prefix_sharing: Literal["all", "frontend", "user"] = Field(
        default="all",
        description="Who shares cached prompts of the base: all, users of a frontend, or nobody.",
    )
    max_body_bytes: int = Field(
        default=1 << 20, ge=1024, le=1 << 30, description="Largest JSON body accepted."
    )
    max_import_bytes: int = Field(
        default=1 << 28,
        ge=1024,
        le=1 << 34,
        description="Largest adapter or feedback file accepted.",
    )
    max_connections: int = Field(
        default=4096,
        ge=8,
        le=65_536,
        description="Most open connections; for one more, the one that is idle longest is closed.",
    )
    request_timeout: float = Field(
        default=20.0,
        gt=0,
        description="How long a request may take to arrive; a body has longer at 500 bytes/s.",
    )
    keep_alive_timeout: int = Field(
        default=75,
        ge=1,
        le=86_400,
        description="How long a connection may be idle between requests.",
    )
    max_wrong_keys: int = Field(
        default=10,
        ge=1,
        description="Wrong keys from one address before it is locked out for a while.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(),
        description="Addresses or networks of proxies that may name the client's own address.",
    )
    cors_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(),
        description="Origins of other web pages that may call the API; `*` is any.",
    )
    retry_window: float = Field(
        default=600.0,
        ge=0,
        description="How long a repeated request counts as a retry of the same turn.",
    )
    pending_feedback_days: float = Field(
        default=30.0,
        gt=0,
        description="How long feedback waits for a completion that is not known yet.",
    )
    max_pending_feedback: int = Field(
        default=200,
        ge=0,
        description="Most feedback of one user that may wait for completions; more is a 429.",
    )
    max_user_items: int = Field(
        default=1_000_000,
        ge=1,
        description="Most exchanges and feedback stored of one user; more are a 429.",
    )
    max_user_mb: int = Field(
        default=4096,
        ge=1,
        le=1 << 30,
        description="Most megabytes of text stored of one user; more are a 429.",
    )
    retention_days: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Days after which exchanges and their feedback are deleted; 0 keeps them.",
    )
    versions_kept: int = Field(
        default=50,
        ge=1,
        le=100_000,
        description="Newest versions kept of each user, beside the one in use; older are deleted.",
    )
    price_per_device_hour: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Price of an hour of training, in any currency; 0 shows no costs.",
    )
    drain_timeout: int = Field(
        default=30,
        ge=0,
        description="How long replies may take to finish when the server is stopped.",
    )
    trust_identity_headers: bool = Field(
        default=False,
        description="Let frontends without rules of their own name their user with plain headers.",
    )
    openwebui_jwt_secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Secret of Open WebUI's signed user header; frontends without rules of their"
        " own must send it.",
    )

    cell: str = Field(
        default="",
        description="This server's name among several cells; without a name it is alone.",
    )
    cells: dict[str, float] = Field(
        default_factory=dict,
        description="Every cell's share of the users in percent, in the order of the proxy's file.",
    )

    @model_validator(mode="after")
    def _cells_are_possible(self) -> Self:
        checked_shares(self.cell, self.cells)
        return self

    @field_validator("lora")
    @classmethod
    def _lora_is_possible(cls, lora: LoraConfig) -> LoraConfig:
        if not 1 <= lora.rank <= MAX_RANK:
            raise ValueError(f"rank must be between 1 and {MAX_RANK}")
        if lora.alpha <= 0:
            raise ValueError("alpha must be positive")
        return lora

    @model_validator(mode="after")
    def _only_a_cache_shrinks(self) -> Self:
        if self.adapters_disk_mb and not self.adapters_url:
            raise ValueError("adapters_disk_mb needs adapters_url: else adapters would be lost")
        return self

    @model_validator(mode="after")
    def _vllm_has_servers(self) -> Self:
        if self.engine == "vllm" and not self.vllm_urls:
            raise ValueError("engine is vllm: list the servers in vllm_urls")
        return self

    @field_validator("ray")
    @classmethod
    def _ray_is_possible(cls, ray: RayConfig) -> RayConfig:
        if not _RAY_ADDRESS.fullmatch(ray.address):
            raise ValueError("address must be auto or host:port")
        if not 1 <= ray.num_cpus <= MAX_RAY_CPUS:
            raise ValueError(f"num_cpus must be between 1 and {MAX_RAY_CPUS}")
        if not 0 <= ray.num_gpus <= 1:
            raise ValueError("num_gpus must be between 0 and 1: a run uses one GPU")
        if not 1 <= ray.parallel_runs <= MAX_PARALLEL_RUNS:
            raise ValueError(f"parallel_runs must be between 1 and {MAX_PARALLEL_RUNS}")
        return ray

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The first wins: arguments, the environment, the file."""
        _refuse_unknown_variables(set(cls.model_fields))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def _refuse_unknown_variables(known: set[str]) -> None:
    """pydantic-settings reads only the variables that it knows, so a typo would go unnoticed."""
    for variable in os.environ:
        if variable.upper().startswith(PREFIX):
            option = variable[len(PREFIX) :].lower().partition("__")[0]
            if option not in known and variable.upper() not in _NO_SETTINGS:
                raise ValueError(f"{variable} is not a setting: see docs/settings.md")
