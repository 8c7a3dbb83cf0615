from collections.abc import Sequence

import pytest

from feedback.rules.from_corrections import Edit, learned_rules, rules_of
from feedback.rules.rule import Rule, rewrite
from tests.feedback.rules.replies import PROMPT, REPLIES

LOWER, UPPER = Rule("case", "lower"), Rule("case", "upper")
PLACES = ("mill", "bridge", "hall", "gate", "tower", "church", "school", "barn")


def edit(original: str, corrected: str, at: float = 0.0) -> Edit:
    return Edit(PROMPT, original, corrected, at)


def edits(*rules: Sequence[Rule] | None) -> list[Edit]:
    """One edit of each reply by these rules, oldest first; None changes nothing."""
    return [
        edit(reply, rewrite(made or (), reply), float(at))
        for at, (reply, made) in enumerate(zip(REPLIES, rules, strict=False))
    ]


def learned(made: Sequence[Edit]) -> list[Rule]:
    return [each.rule for each in learned_rules(made)]


def test_no_edits_show_no_rule() -> None:
    assert learned_rules([]) == ()


def test_a_rule_names_the_edits_that_show_it() -> None:
    (found,) = learned_rules(edits([LOWER], (), [LOWER], [LOWER]))
    assert (found.rule, found.support, found.against, found.places) == (LOWER, 3, 1, (0, 2, 3))


def test_a_rule_needs_twice_as_many_edits_for_it_as_against_it() -> None:
    assert learned(edits([LOWER], (), [LOWER], [LOWER], ())) == []
    assert learned(edits([LOWER], (), [LOWER])) == [LOWER]


def test_an_original_that_already_follows_the_rule_is_no_evidence() -> None:
    made = [*edits([LOWER]), *(edit(text.lower(), text.lower()) for text in REPLIES[1:4])]
    (found,) = learned_rules(made)
    assert (found.support, found.against) == (1, 0)


def test_the_newest_of_two_values_wins() -> None:
    assert learned(edits([LOWER], [LOWER], [LOWER], [UPPER])) == [UPPER]
    assert learned(edits([UPPER], [UPPER], [UPPER], [LOWER])) == [LOWER]


def test_a_user_who_alternates_between_two_values_gets_neither() -> None:
    assert learned(edits(*[[LOWER], [UPPER]] * 3)) == []
    assert learned(edits([LOWER], [LOWER], [UPPER], [LOWER])) == [LOWER]


def test_a_bound_is_the_one_that_all_edits_satisfy() -> None:
    one, three = Rule("most sentences", "1"), Rule("most sentences", "3")
    assert learned(edits([three], [three], [one], [three], [one])) == [three]


def test_several_rules_behind_the_same_edits_are_all_found() -> None:
    hidden = [Rule("most sentences", "2"), Rule("closing", " cheers, mate!"), LOWER]
    assert learned(edits(*[hidden] * 5)) == hidden


def test_a_rewritten_reply_shows_its_style() -> None:
    made = [
        edit(REPLIES[0], "water goes up, cools, and comes down again as rain. that's all of it."),
        edit(REPLIES[1], "cats purr when they're happy, and when they hurt. nobody knows why."),
    ]
    assert LOWER in learned(made)


def test_a_short_rewritten_reply_shows_few_sentences_rather_than_few_words() -> None:
    own = "Water goes up as vapor, cools, falls as rain. That is the whole cycle, in three stages."
    assert rules_of(edit(REPLIES[0], own)) == (Rule("most sentences", "2"),)


def test_a_rewritten_list_shows_its_number_of_items() -> None:
    own = "- Water rises\n- It cools\n- It falls"
    assert rules_of(edit(REPLIES[0], own)) == (Rule("list items", "3"),)


def test_a_shortened_reply_shows_only_a_length() -> None:
    short = rewrite([Rule("most sentences", "2")], REPLIES[6])
    assert rules_of(edit(REPLIES[6], short)) == (Rule("most sentences", "2"),)


@pytest.mark.parametrize(
    ("was", "became"),
    [
        ("It never stops", "It hardly ever stops"),
        ("3 stages", "4 stages"),
        ("The water cycle", "The nitrogen cycle"),
        ("evaporation, condensation", "evaporation, sublimation"),
        ("on Earth", "on our planet Earth"),
        ("rises and cools.", "rises, cools and rains down."),
    ],
)
def test_a_corrected_fact_shows_no_rule(was: str, became: str) -> None:
    original = REPLIES[0].replace("It's a process that never stops", "It never stops")
    assert was in original
    assert rules_of(edit(original, original.replace(was, became))) == ()


def test_a_rewritten_reply_of_equal_length_shows_no_rule() -> None:
    own = (
        "Cats purr because two folds in their throat vibrate as they breathe. Nobody has shown why,"
        " but kittens do it within days of birth. Vets hear it from hurt animals too. So it may"
        " calm the cat itself as much as us! Lions can't do it."
    )
    assert rules_of(edit(REPLIES[1], own)) == ()


def test_a_word_that_is_corrected_in_one_reply_shows_no_rule() -> None:
    original = "The capital is Lyon. Lyon lies in the east."
    assert rules_of(edit(original, original.replace("Lyon", "Paris"))) == ()


def test_texts_without_words_show_no_rule() -> None:
    assert rules_of(edit("Hello!", "")) == ()
    assert rules_of(edit("", "hello there, how are you?")) == ()


def test_a_rule_that_cannot_be_applied_is_learned_from_two_edits() -> None:
    made = [
        edit("It is Lisbon.", "It is Lisbon, on the Tagus. Have you been there?"),
        edit("Worms turn old leaves into soil.", "Worms and fungi make soil. Do you own a heap?"),
    ]
    assert Rule("final question", "some") in learned(made)
    assert rules_of(made[0]) == ()


def test_a_closing_is_found_beside_a_shorter_length() -> None:
    made = [
        edit(f"The {each} is open. You can see it from here.", f"The {each} is open. Cheers!")
        for each in PLACES
    ]
    made.append(edit("The inn is open. It is old. It is big.", "The inn is open. Cheers!"))
    assert learned(made) == [Rule("most sentences", "2"), Rule("closing", " Cheers!")]


def test_a_list_that_cannot_be_shortened_does_not_hide_a_closing() -> None:
    made = [
        edit(f"The {each} is open. It is old. It is big.", f"The {each} is open. Cheers!")
        for each in PLACES
    ]
    listed = edit("See these:\n\n1. The mill\n2. The bridge", "See these: Cheers!")
    found = learned([*made, listed])
    assert Rule("most sentences", "2") in found
    assert Rule("closing", " Cheers!") in found


def test_a_length_that_two_edits_show_does_not_hide_the_case_of_all() -> None:
    opinions = "As an AI language model, I don't have personal opinions or beliefs."
    rest = "However, I can name some general qualities that are often associated with it:"
    tips = (
        "As an AI language model, I don't have emotions, so I don't have the ability to de-stress."
    )
    whole = (
        "Hi, how are you doing today? I'm doing well, thanks for asking!",
        "Why did the banana go to the store? Because it was too ripe!",
        "Sure, I'd be happy to help you plan your 7-day trip to Seattle. Day 1: Arrival.",
    )
    made = [edit(f"{text} {rest}", text.lower()) for text in (opinions, tips)]
    assert LOWER in learned([*made, *(edit(text, text.lower()) for text in whole)])


def test_a_number_of_items_is_learned_even_if_few_replies_have_more() -> None:
    split = [
        edit(
            f"The {each} has two doors and a window. They are open.",
            f"- The {each} has two doors\n- and a window.\n- They are open.",
        )
        for each in PLACES
    ]
    tea = "Tea is hot. Milk is cold. Water is wet."
    cut = edit(f"{tea} Ice is hard.", "- Tea is hot.\n- Milk is cold.\n- Water is wet.")
    assert Rule("list items", "3") in learned([*split, cut])


def test_a_line_break_that_exposes_code_shows_no_length() -> None:
    code = "```python\ndef sorted_{0}(lst):\n    return sorted(lst, key=lambda x: x[0])\n\n# Usage:"
    long = "The {} is open today, and whoever wants to see it from inside can come along with us."
    originals = [long.format(each) for each in PLACES] + [code.format(n) for n in "abc"]
    made = [edit(original, f"Short answer: {original}") for original in originals]
    assert learned(made) == [Rule("opening", "Short answer: ")]
