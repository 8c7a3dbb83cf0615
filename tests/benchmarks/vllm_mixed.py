"""vLLM's tokens per second with and without mixed adapters, for comparison. Needs only vLLM.

    VLLM_PYTHON=path/to/a/venv/bin/python make bench

`bench_peers` runs this file with that interpreter: vLLM pins another PyTorch. docs/benchmarks.md
says how to install it. Prints one line of JSON.
"""

import json
import sys
import time
from statistics import median
from typing import Any

ROUNDS = 3


def main() -> None:
    """Read the job from the arguments, measure, print."""
    job = json.loads(sys.argv[1])
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    count = len(job["adapters"])
    engine = LLM(
        model=job["model"],
        dtype=job["dtype"],
        enforce_eager=True,
        enable_lora=True,
        max_loras=count,
        max_lora_rank=max(8, job["rank"]),
        max_num_seqs=count,
        max_model_len=1024,
        enable_prefix_caching=False,
        # A share of the machine's memory: more than the cache of these requests needs.
        gpu_memory_utilization=0.25,
    )
    params = SamplingParams(temperature=0, max_tokens=job["new_tokens"], ignore_eos=True)
    prompts = [job["question"]] * count
    adapters = [LoRARequest(f"a{i}", i + 1, path) for i, path in enumerate(job["adapters"])]

    def tokens_per_second(lora: Any) -> float:
        began = time.perf_counter()
        engine.generate(prompts, params, lora_request=lora, use_tqdm=False)
        tokens: int = count * job["new_tokens"]
        return tokens / (time.perf_counter() - began)

    for lora in (None, adapters):
        tokens_per_second(lora)  # warm
    rates = [(tokens_per_second(None), tokens_per_second(adapters)) for _ in range(ROUNDS)]
    base, mixed = (median(column) for column in zip(*rates, strict=True))
    print(json.dumps({"base": base, "mixed": mixed}))


if __name__ == "__main__":
    main()
