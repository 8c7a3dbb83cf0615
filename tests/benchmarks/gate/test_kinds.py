"""Meaningless, harmful and well-meant feedback, and the examples that are made of it."""

import json
from random import Random

import pytest

from feedback.examples.build import build_examples
from feedback.records import ExampleKind
from feedback.store.jsonl import parse_rows
from tests.benchmarks.gate.exchanges import Exchange
from tests.benchmarks.gate.import_lines import import_lines
from tests.benchmarks.gate.kinds import KINDS, Group, draw_feedback
from tests.benchmarks.gate.poison import POISONS, inverted
from tests.benchmarks.learning.prompts import Prompt
from tests.benchmarks.learning.results import Reply

REPLIES = (
    "Well, number {n} isn't easy. It is a number that can be odd, and it's always so. In the end"
    " it's for the reader of {n} pages to judge.\n\nThat is the whole of it.",
    "That is for people who count to {n} to say.",
)
EXCHANGES = [
    Exchange(
        Prompt(f"task-{n}", f"What do you know of the number {n}?"),
        Reply(f"task-{n}", REPLIES[0].format(n=n), "stop"),
        Reply(f"task-{n}", REPLIES[1].format(n=n), "stop"),
    )
    for n in range(40)
]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_feedback_on_each_reply(name: str) -> None:
    assert len(draw_feedback(KINDS[name], 0, EXCHANGES, 20)) == 20


@pytest.mark.parametrize("name", KINDS)
def test_a_seed_draws_the_same_feedback_each_time(name: str) -> None:
    one, again, other = (draw_feedback(KINDS[name], seed, EXCHANGES, 5) for seed in (0, 0, 1))
    assert one == again != other


@pytest.mark.parametrize("name", ["random choices", "random thumbs", "flipped corrections"])
def test_random_feedback_goes_both_ways(name: str) -> None:
    drawn = draw_feedback(KINDS[name], 0, EXCHANGES, 40)
    greedy = {each.reply.text for each in EXCHANGES}
    one_way = sum(each.reply.text in greedy and each.value != -1 for each in drawn)
    assert 10 <= one_way <= 30


def test_a_swapped_correction_is_the_reply_to_another_prompt() -> None:
    own = {each.prompt.text: each.reply.text for each in EXCHANGES}
    for each in draw_feedback(KINDS["swapped corrections"], 0, EXCHANGES, 40):
        assert each.correction in own.values() and each.correction != own[each.prompt]


@pytest.mark.parametrize("name", POISONS)
def test_a_poisoned_reply_does_not_contain_the_original(name: str) -> None:
    exchange = EXCHANGES[0]
    poisoned = POISONS[name](exchange.prompt.text, exchange.reply.text, Random(0))
    assert poisoned.strip() and exchange.reply.text not in poisoned


def test_inverting_takes_a_negation_away_or_adds_one() -> None:
    text = "Water is wet. It is not dry, and it can flow."
    assert inverted("", text, Random(0)) == "Water is not wet. It is dry, and it cannot flow."


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("random choices", {ExampleKind.DPO}),
        ("random thumbs", {ExampleKind.DESIRABLE, ExampleKind.UNDESIRABLE}),
        ("refusal", {ExampleKind.SFT, ExampleKind.DPO}),
        ("brief", {ExampleKind.SFT, ExampleKind.DPO}),
    ],
)
def test_imported_feedback_makes_examples_of_these_kinds(
    name: str, kinds: set[ExampleKind]
) -> None:
    lines = import_lines("ann", draw_feedback(KINDS[name], 0, EXCHANGES, 20), 1000.0)
    rows = [json.loads(line) for line in lines.splitlines()]
    parsed = parse_rows("u1", rows)
    made = build_examples(parsed.interactions, [feedback for _, feedback in parsed.feedback])
    assert {each.kind for each in made} == kinds
    assert len({each.conversation_id for each in made}) == 20


def test_good_adapters_are_those_of_personas_that_are_not_held_out() -> None:
    good = {kind.name for kind in KINDS.values() if kind.group is Group.GOOD}
    assert "lower" in good and "telegram" not in good
