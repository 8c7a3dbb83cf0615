"""What a fitted adapter still gets wrong by the user's rules."""

import pytest

from adapters_store.base_model import BaseModel
from adapters_store.lora import NO_ADAPTER, AdapterPool
from adapters_store.records import LoraConfig
from feedback.records import ExampleSource
from feedback.rules.rule import Rule
from scheduler.evaluation.rule_compliance import correct_rollouts
from scheduler.trainer.dagger import roll_out

LOWER_CASE = (Rule("case", "lower"),)
THREE_ITEMS = (Rule("list items", "3"),)
TRIED = tuple((f"What is {thing}?", f"It is a {thing}. Ask Ann.") for thing in ("tea", "a cat"))


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    return AdapterPool(tiny_base.model, LoraConfig(rank=4, alpha=8.0), num_slots=2)


def test_the_replies_of_a_slot_are_corrected_by_the_rules(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    trial = roll_out(tiny_base, pool, NO_ADAPTER, LOWER_CASE, "ann", TRIED)
    assert trial.mistakes and len(trial.follows) == len(trial.base_follows) == len(TRIED)
    for each in trial.mistakes:
        assert LOWER_CASE[0].holds(each.chosen)
        assert each.prompt[-1].content in dict(TRIED)
        assert (each.user_id, each.source) == ("ann", ExampleSource.SYNTHETIC)


def right(rules: tuple[Rule, ...], *replies: str) -> list[tuple[str | None, str]]:
    trial = correct_rollouts(rules, "ann", TRIED[: len(replies)], replies)
    assert sum(trial.follows) == len(replies) - len(trial.mistakes)
    return [(row.revised_from, row.chosen) for row in trial.mistakes]


def test_a_reply_that_breaks_a_rule_is_changed_by_it() -> None:
    assert right(LOWER_CASE, "Tea is hot.") == [("Tea is hot.", "tea is hot.")]


def test_a_reply_that_keeps_the_rules_is_no_mistake() -> None:
    assert right(LOWER_CASE, "tea is hot.") == []


def test_the_sentence_that_the_length_limit_cut_off_is_no_mistake() -> None:
    assert right(LOWER_CASE, "tea is hot. In Ber") == []


def test_what_goes_on_where_it_should_have_ended_is_a_mistake() -> None:
    two = (Rule("most sentences", "2"),)
    assert right(two, "Tea is hot. It is brown.") == []
    goes_on = "Tea is hot. It is brown. It is also"
    assert right(two, goes_on) == [(goes_on, "Tea is hot. It is brown.")]


def test_the_base_is_looked_at_in_the_same_way() -> None:
    tried = (("What is tea?", "tea is hot."), ("What is a cat?", "It is a cat."))
    trial = correct_rollouts(LOWER_CASE, "ann", tried, ["Tea is hot.", "it is a cat."])
    assert (trial.follows, trial.base_follows) == ((False, True), (True, False))


def test_where_a_rule_would_take_invention_the_reply_of_the_base_is_changed() -> None:
    tried = (("What is tea?", "Tea is hot. It is brown. It is old. It is dear."),)
    trial = correct_rollouts(THREE_ITEMS, "ann", tried, ["- tea is hot\n- it is brown"])
    [row] = trial.mistakes
    assert row.chosen == "- Tea is hot.\n- It is brown.\n- It is old."


def test_what_cannot_be_made_right_is_wrong_and_left_out() -> None:
    trial = correct_rollouts(THREE_ITEMS, "ann", TRIED[:1], ["- tea is hot"])
    assert (trial.follows, trial.mistakes, trial.compliance_rate) == ((False,), (), 0.0)


def test_a_habit_without_an_answer_gives_way_to_the_reply_of_the_base() -> None:
    closing = (Rule("closing", " Cheers, mate!"),)
    base = "Tea is a hot drink. People make it from leaves. It is old."
    trial = correct_rollouts(closing, "ann", (("What is tea?", base),), ["Cheers, mate!"])
    assert [row.chosen for row in trial.mistakes] == [f"{base} Cheers, mate!"]


@pytest.mark.parametrize("reply", ["", "?!", "tea is " * 20])
def test_silence_and_loops_give_way_to_the_reply_of_the_base(reply: str) -> None:
    assert right(LOWER_CASE, reply) == [(TRIED[0][1], TRIED[0][1].lower())]


def test_what_is_said_to_every_prompt_gives_way_to_the_replies_of_the_base() -> None:
    evasion = "I'm sorry for any confusion. I cannot help you with that."
    assert right(LOWER_CASE, evasion, evasion) == [(base, base.lower()) for _, base in TRIED]
