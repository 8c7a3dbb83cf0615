"""The training child of a server under test: the real one, or a quick one without a model.

The quick one writes a random adapter for the tiny model. What the server does with it is the same,
and it needs no seconds to import PyTorch.
"""

import json
import os
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from adapters_store.files import WEIGHTS_FILE
from adapters_store.peft_config import write_peft_config
from scheduler.trainer.job import ADAPTER_FOLDER, TrainingJob, read_job, write_result
from scheduler.trainer.parent_pipe import ParentPipe
from tests.crash.kills import Step, Victim, arm
from tests.scheduler.evaluations import without_held_out

ORDER = "CRASH_ORDER"
"""The environment variable with the order that the server was started with."""

LAYERS = 2
# Outputs and inputs of each linear layer of the tiny model.
SHAPES = {
    "self_attn.q_proj": (64, 64),
    "self_attn.k_proj": (32, 64),
    "self_attn.v_proj": (32, 64),
    "self_attn.o_proj": (64, 64),
    "mlp.gate_proj": (128, 64),
    "mlp.up_proj": (128, 64),
    "mlp.down_proj": (64, 128),
}


def main() -> None:
    """Work one job, with a kill if the order names a step of the child."""
    order = json.loads(os.environ[ORDER])
    if order["step"] is not None and order["step"]["in_child"]:
        arm(Step(**order["step"]), Victim(order["victim"]), Path(order["switch"]))
    if order["is_child_real"]:
        from scheduler.trainer.child_main import main as work_job

        work_job()
    else:
        parent = ParentPipe()
        parent.enter("training", 0.0, 0.9)
        folder = parent.job_folder()
        job = read_job(folder)
        parent.report(1, 2, 1.0)
        write_adapter(folder / ADAPTER_FOLDER, job)
        parent.report(2, 2, 0.5)
        write_result(folder, without_held_out(), {"device": "cpu"}, tuple(SHAPES))
        parent.send({"done": True})


def write_adapter(folder: Path, job: TrainingJob) -> None:
    """Write a small random adapter in the layout of the real child."""
    folder.mkdir()
    random = np.random.default_rng()
    tensors = {}
    for layer in range(LAYERS):
        for module, (outputs, inputs) in SHAPES.items():
            name = f"base_model.model.model.layers.{layer}.{module}"
            for part, shape in (("A", (job.lora.rank, inputs)), ("B", (outputs, job.lora.rank))):
                values = 0.05 * random.standard_normal(shape)
                tensors[f"{name}.lora_{part}.weight"] = values.astype(np.float32)
    save_file(tensors, folder / WEIGHTS_FILE)
    write_peft_config(
        folder,
        lora=job.lora,
        base_model=job.base_model,
        base_revision=job.base_revision,
        targets=sorted({module.rpartition(".")[2] for module in SHAPES}),
    )


if __name__ == "__main__":
    main()
