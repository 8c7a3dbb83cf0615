"""Replies of a fitted adapter that break the user's rules, and their corrections."""

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
EXCHANGES = tuple((f"What is {thing}?", f"It is a {thing}. Ask Ann.") for thing in ("tea", "a cat"))


@pytest.fixture
def pool(tiny_base: BaseModel) -> AdapterPool:
    return AdapterPool(tiny_base.model, LoraConfig(rank=4, alpha=8.0), num_slots=2)


def test_the_replies_of_a_slot_are_corrected_by_the_rules(
    tiny_base: BaseModel, pool: AdapterPool
) -> None:
    result = roll_out(tiny_base, pool, NO_ADAPTER, LOWER_CASE, "ann", EXCHANGES)
    assert result.mistakes and len(result.follows) == len(result.base_follows) == len(EXCHANGES)
    for each in result.mistakes:
        assert LOWER_CASE[0].holds(each.chosen)
        assert each.messages[-1].content in dict(EXCHANGES)
        assert (each.user_id, each.source) == ("ann", ExampleSource.SYNTHETIC)


def corrected(rules: tuple[Rule, ...], *replies: str) -> list[tuple[str | None, str]]:
    result = correct_rollouts(rules, "ann", EXCHANGES[: len(replies)], replies)
    assert sum(result.follows) == len(replies) - len(result.mistakes)
    return [(each.revised_from, each.chosen) for each in result.mistakes]


def test_a_reply_that_breaks_a_rule_is_changed_by_it() -> None:
    assert corrected(LOWER_CASE, "Tea is hot.") == [("Tea is hot.", "tea is hot.")]


def test_a_reply_that_follows_the_rules_is_no_mistake() -> None:
    assert corrected(LOWER_CASE, "tea is hot.") == []


def test_a_truncated_sentence_is_no_mistake() -> None:
    assert corrected(LOWER_CASE, "tea is hot. In Ber") == []


def test_a_reply_that_goes_on_too_long_is_a_mistake() -> None:
    two = (Rule("most sentences", "2"),)
    assert corrected(two, "Tea is hot. It is brown.") == []
    goes_on = "Tea is hot. It is brown. It is also"
    assert corrected(two, goes_on) == [(goes_on, "Tea is hot. It is brown.")]


def test_the_base_is_measured_in_the_same_way() -> None:
    exchanges = (("What is tea?", "tea is hot."), ("What is a cat?", "It is a cat."))
    result = correct_rollouts(LOWER_CASE, "ann", exchanges, ["Tea is hot.", "it is a cat."])
    assert (result.follows, result.base_follows) == ((False, True), (True, False))


def test_if_rules_cannot_mend_a_reply_the_reply_of_the_base_is_rewritten() -> None:
    exchanges = (("What is tea?", "Tea is hot. It is brown. It is old. It is dear."),)
    result = correct_rollouts(THREE_ITEMS, "ann", exchanges, ["- tea is hot\n- it is brown"])
    [mistake] = result.mistakes
    assert mistake.chosen == "- Tea is hot.\n- It is brown.\n- It is old."


def test_a_reply_without_a_correction_is_wrong_but_no_mistake_to_learn() -> None:
    result = correct_rollouts(THREE_ITEMS, "ann", EXCHANGES[:1], ["- tea is hot"])
    assert (result.follows, result.mistakes, result.compliance_rate) == ((False,), (), 0.0)


def test_a_closing_without_an_answer_is_replaced_by_the_reply_of_the_base() -> None:
    closing = (Rule("closing", " Cheers, mate!"),)
    base = "Tea is a hot drink. People make it from leaves. It is old."
    result = correct_rollouts(closing, "ann", (("What is tea?", base),), ["Cheers, mate!"])
    assert [each.chosen for each in result.mistakes] == [f"{base} Cheers, mate!"]


@pytest.mark.parametrize("reply", ["", "?!", "tea is " * 20])
def test_empty_replies_and_loops_are_replaced_by_the_reply_of_the_base(reply: str) -> None:
    assert corrected(LOWER_CASE, reply) == [(EXCHANGES[0][1], EXCHANGES[0][1].lower())]


def test_collapsed_replies_are_replaced_by_the_replies_of_the_base() -> None:
    evasion = "I'm sorry for any confusion. I cannot help you with that."
    assert corrected(LOWER_CASE, evasion, evasion) == [
        (base, base.lower()) for _, base in EXCHANGES
    ]
