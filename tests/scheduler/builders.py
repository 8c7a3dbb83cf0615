"""Small jobs, datasets and configurations for tests."""

from pathlib import Path

from adapters_store.records import LoraConfig
from feedback.examples.dataset import build_dataset
from feedback.records import Dataset, ExampleKind, ExampleSource, Message, TrainingExample
from feedback.rules.rule import Rule
from scheduler.records import GateConfig, MemoryConfig, PipelineConfig, TrainingConfig
from scheduler.trainer.job import TrainingJob


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


def make_job(base_model: str, folder: Path) -> TrainingJob:
    """Return a job in which the fake training process does what `base_model` says."""
    return TrainingJob(
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
        reference_replies=(("Why?", "Because."),),
        max_reference_kl=1.0,
        kl_replies=(("Who?", "Nobody."),),
        rules=(Rule("case", "lower"),),
    )


def make_dataset(user_id: str = "ann") -> Dataset:
    """Return a dataset of one correction."""
    prompt = (Message("user", "Hello"),)
    example = TrainingExample(
        user_id=user_id,
        kind=ExampleKind.SFT,
        messages=prompt,
        chosen="hi there",
        rejected=None,
        source=ExampleSource.CORRECTION,
        conversation_id="conversation",
        interaction_ids=("one",),
        feedback_ids=("first",),
        created_at=1.0,
    )
    return build_dataset(user_id, [example])
