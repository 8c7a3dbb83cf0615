"""Whether rules explain what a user wrote."""

import pytest

from feedback.records import TrainingExample
from feedback.rules.attributes.attribute import Change
from feedback.rules.explained import are_own_words, shown_share, unexplained_share
from feedback.rules.rule import Rule
from feedback.rules.user_rules import learn_rules
from tests.scheduler.training import make_example, make_rating

ORIGINALS = (
    "The heart pumps blood through the body. It has four chambers. It beats all day.",
    "A glacier is a slow river of ice. It forms where snow stays for years.",
    "Bees make honey from nectar. They store it in combs for the winter.",
)
BY_HAND = (
    "El corazón mueve la sangre y late unas cien mil veces al día.",
    "Un glaciar es hielo que baja muy despacio por la montaña.",
    "Las abejas guardan la miel para comer en invierno.",
)
LOWER = Rule("case", "lower")


def edit(number: int, correction: str) -> TrainingExample:
    return make_example(f"question {number}", correction, revised_from=ORIGINALS[number])


def changes(*edits: TrainingExample) -> list[Change]:
    return [Change(each.revised_from or "", each.chosen) for each in edits]


def test_edits_that_a_rule_makes_are_explained() -> None:
    edits = [edit(number, text.lower()) for number, text in enumerate(ORIGINALS)]
    assert unexplained_share([LOWER], changes(*edits)) == 0
    assert not are_own_words(edits)


def test_an_edit_of_one_word_leaves_little_to_explain_without_spaces_around_it() -> None:
    was, became = "这本书很有意思，我们都喜欢它。", "这本书很有意义，我们都喜欢它。"
    edits = [make_example("问题", became, revised_from=was)]
    assert 0 < unexplained_share([], changes(*edits)) < 0.1


def test_edits_that_show_no_rule_are_own_words_however_small() -> None:
    edits = [edit(0, ORIGINALS[0].replace("four", "two")), edit(1, ORIGINALS[1] + " Is it so?")]
    assert are_own_words(edits[:1])
    assert are_own_words(edits)


def test_a_rule_that_few_edits_show_explains_nothing() -> None:
    by_chance = make_example("Can it fly?", "It cannot fly.", revised_from="It can't fly.")
    others = [
        edit(1, ORIGINALS[1].replace("is a", "is not a")),
        edit(2, ORIGINALS[2].replace("make", "do not make")),
    ]
    rules = [each.rule for each in learn_rules([by_chance, *others])]
    assert rules == [Rule("contractions", "long")]
    assert unexplained_share(rules, changes(by_chance, *others)) < 0.1
    assert are_own_words([by_chance, *others])


def test_the_share_of_edits_that_show_a_rule() -> None:
    edits = [edit(0, ORIGINALS[0].lower()), edit(1, BY_HAND[1])]
    assert shown_share([LOWER], changes(*edits)) == 0.5
    assert shown_share([], changes(*edits)) == 0
    assert shown_share([LOWER], []) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_corrections_in_other_words_are_not_explained(count: int) -> None:
    edits = [edit(number, BY_HAND[number]) for number in range(count)]
    # They are shorter than the originals, which says nothing of what was meant.
    assert unexplained_share([Rule("most sentences", "1")], changes(*edits)) > 0.5
    assert are_own_words(edits)


def test_the_order_of_the_examples_does_not_matter() -> None:
    examples = [edit(0, BY_HAND[0]), *(edit(n, ORIGINALS[n].lower()) for n in (1, 2))] * 20
    assert are_own_words(examples) == are_own_words(examples[::-1])


def test_long_repetitive_texts_are_compared_quickly() -> None:
    long = make_example("question", "b c " * 5000, revised_from="a b " * 5000)
    assert unexplained_share([], changes(long)) == 0.5


def test_without_corrections_there_are_no_own_words() -> None:
    assert not are_own_words([make_rating("question 1", "Yes.", is_liked=True)])
    assert unexplained_share([LOWER], []) == 0
