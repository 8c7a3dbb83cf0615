"""Jobs, datasets and configurations for tests, as small as they come."""

from pathlib import Path

from adapters_store.records import LoraConfig
from feedback.examples.build import example_id
from feedback.examples.dataset import freeze
from feedback.records import Dataset, ExampleKind, Message, TrainingExample
from feedback.rules.rule import Rule
from scheduler.records import GateConfig, MemoryConfig, PipelineConfig, TrainingConfig
from scheduler.trainer.job import Job


def make_config(base_model: str = "tiny", folder: Path = Path("replies")) -> PipelineConfig:
    """Return a configuration; the fake training process does what `base_model` says."""
    return PipelineConfig(
        base_path=str(folder),
        base_model=base_model,
        base_revision="revision",
        device="cpu",
        dtype="float32",
        threads=1,
        replies_cache=str(folder),
        lora=LoraConfig(rank=2, alpha=4.0),
        training=TrainingConfig(),
        gate=GateConfig(),
        memory=MemoryConfig(),
    )


def make_job(base_model: str, folder: Path) -> Job:
    """Return a job in which the fake training process does what `base_model` says."""
    return Job(
        base_path=str(folder),
        base_model=base_model,
        base_revision="revision",
        device="cpu",
        dtype="float32",
        threads=1,
        lora=LoraConfig(rank=2, alpha=4.0, targets=("q_proj",)),
        training=TrainingConfig(seed=7),
        memory=MemoryConfig(),
        incumbent=None,
        incumbent_example_ids=("a", "b"),
        anchors=(("Why?", "Because."),),
        max_anchor_kl=1.0,
        kept=(("Who?", "Nobody."),),
        rules=(Rule("case", "lower"),),
    )


def make_dataset(user_id: str = "ann") -> Dataset:
    """Return a dataset of one correction."""
    prompt = (Message("user", "Hello"),)
    example = TrainingExample(
        id=example_id(ExampleKind.SFT, prompt, "hi there", None, 1.0),
        user_id=user_id,
        kind=ExampleKind.SFT,
        prompt=prompt,
        chosen="hi there",
        rejected=None,
        weight=1.0,
        source="correction",
        conversation_id="conversation",
        interaction_ids=("one",),
        feedback_ids=("first",),
        created_at=1.0,
    )
    return freeze(user_id, [example])
