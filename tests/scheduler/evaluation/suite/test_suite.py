"""Which prompts of the suite a version answers, and which the base."""

from collections.abc import Callable
from pathlib import Path

from feedback.rules.rule import Rule
from scheduler.evaluation.suite.records import SuiteConfig
from scheduler.evaluation.suite.suite import Suite
from scheduler.measure import Measure
from scheduler.records import Progress
from tests.adapters_store.make import make_version
from tests.scheduler.evaluation.suite.ideal import FakeSuiteModel, ruled

CHEERS = Rule("closing", " Cheers!")


def nobody(progress: Progress) -> None:
    """Ignores progress."""


def measured(
    folder: Path, rules: tuple[Rule, ...], on_progress: Callable[[Progress], None] = nobody
) -> dict[str, Measure]:
    """The measures of a version that ends every reply with the same closing."""
    model = FakeSuiteModel()
    model.adapter = ruled(CHEERS)
    suite = Suite(model, revision="revision", cache=folder, config=SuiteConfig())
    measures = suite.run(
        make_version(),
        rules,
        on_progress=on_progress,
        give_way=lambda: None,
        is_cancelled=lambda: False,
    )
    return {each.name: each for each in measures}


def test_prompts_that_override_a_rule_are_answered_by_the_base(tmp_path: Path) -> None:
    assert measured(tmp_path, (CHEERS,))["rule overrides"].candidate > 0.5


def test_prompts_that_override_nothing_are_answered_by_the_version(tmp_path: Path) -> None:
    with_rules = measured(tmp_path, (CHEERS,))["instruction following"]
    without = measured(tmp_path, ())["instruction following"]
    assert without.candidate < with_rules.candidate < 1.0


def test_progress_counts_only_the_prompts_that_the_version_answers(tmp_path: Path) -> None:
    heard: list[Progress] = []
    measured(tmp_path, (CHEERS,), heard.append)
    base, adapter = (
        {each.steps for each in heard if each.phase == f"asking the {who}"}
        for who in ("base model", "adapter")
    )
    [of_base], [of_adapter] = base, adapter
    assert of_base > of_adapter
