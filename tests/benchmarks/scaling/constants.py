"""What the model of many cells is made of. Each figure says where it is from."""

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Assumptions:
    """What nobody can measure before there are ten million users."""

    users: int = 10_000_000
    active_share: float = 0.01
    seconds_between_turns: float = 60.0
    zipf: float = 0.8
    with_adapter: float = 0.1
    versions_each: int = 3
    due_a_night: float = 0.01
    feedback_a_turn: float = 0.1
    load: float = 0.6
    mean_of_peak: float = 0.5
    night_hours: float = 8.0


# Zheng et al. 2023, LMSYS-Chat-1M (arXiv 2309.11998), table 1.
TURNS_A_CHAT = 2.0
PROMPT_TOKENS = 69.5
REPLY_TOKENS = 214.5
CHARACTERS_A_TOKEN = 4  # of English, OpenAI's help page on tokens

# docs/benchmarks.md, "The engine on a GPU": 64 rows with 64 adapters, a 1B Llama on an H200.
TOKENS_A_SECOND = 14_521
# docs/benchmarks.md, "What simulated users' feedback teaches": alone on an H200, the mean of three;
# fifteen at once, the median; alone on two cores, the median.
TRAINING_ALONE = (17 + 20 + 16) / 3
TRAINING_SHARED = 43 / 15
TRAINING_ON_CPU = 120.0
# docs/benchmarks.md, "The engine": cold adapter to memory while 8 rows decode, int8.
LOAD_SECONDS = 0.0016

# AWS, "Best practices design patterns: optimizing Amazon S3 performance": small objects take 100 to
# 200 ms.
FETCH_SECONDS = 0.15
# SQLite in WAL mode with synchronous = FULL on one container, as measured before this project.
COMMITS_A_SECOND = 230
# A network of ten gigabits carries this much; nothing here was measured.
COPY_BYTES_A_SECOND = 1_000 * MB

# Llama 3.2 1B: the inputs plus the outputs of the seven linear layers, rank 8 in bfloat16, in the
# upper half of 16 layers (docs/learning/fit.md).
_WIDTH, _KEYS, _INNER = 2048, 512, 8192
_LINEAR = 2 * (_WIDTH + _WIDTH) + 2 * (_WIDTH + _KEYS) + 3 * (_WIDTH + _INNER)
ADAPTER_BYTES = 8 * _LINEAR * (16 // 2) * 2
