"""What the suite asks of a version, and of the base in its place."""

from collections.abc import Callable
from pathlib import Path

from feedback.rules.rule import Rule
from scheduler.evaluation.suite.records import Measure, SuiteConfig
from scheduler.evaluation.suite.suite import Suite
from scheduler.records import Progress
from tests.adapters_store.make import make_version
from tests.scheduler.evaluation.suite.ideal import FakeSpeaker, ruled

CHEERS = Rule("closing", " Cheers!")


def nobody(progress: Progress) -> None:
    """Hears of progress."""


def measured(
    folder: Path, rules: tuple[Rule, ...], on_progress: Callable[[Progress], None] = nobody
) -> dict[str, Measure]:
    """What there is to say of a version that keeps a habit everywhere."""
    speaker = FakeSpeaker()
    speaker.adapter = ruled(CHEERS)
    suite = Suite(speaker, revision="revision", cache=folder, config=SuiteConfig())
    measures = suite.run(
        make_version(),
        rules,
        on_progress=on_progress,
        give_way=lambda: None,
        is_cancelled=lambda: False,
    )
    return {each.name: each for each in measures}


def test_prompts_that_rule_a_rule_out_are_answered_by_the_base(tmp_path: Path) -> None:
    assert measured(tmp_path, (CHEERS,))["exceptions to its rules"].adapter > 0.5


def test_instructions_that_rule_nothing_out_are_answered_by_the_version(tmp_path: Path) -> None:
    with_rules = measured(tmp_path, (CHEERS,))["instruction following"]
    without = measured(tmp_path, ())["instruction following"]
    assert without.adapter < with_rules.adapter < 1.0


def test_progress_counts_only_what_the_version_is_asked(tmp_path: Path) -> None:
    heard: list[Progress] = []
    measured(tmp_path, (CHEERS,), heard.append)
    base, adapter = (
        {each.steps for each in heard if each.phase == f"asking the {who}"}
        for who in ("base model", "adapter")
    )
    [of_base], [of_adapter] = base, adapter
    assert of_base > of_adapter
