from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from feedback.rules.attributes.registry import ATTRIBUTES
from feedback.rules.from_corrections import Edit, learned_rules, rules_of
from feedback.rules.rule import Rule, apply_all, rewrite, visible_prose
from feedback.text.code_masking import mask
from feedback.text.structure import sentences
from feedback.text.tokens import distance, words
from tests.feedback.rules.replies import PROMPT
from tests.feedback.rules.rules import RULES
from tests.feedback.rules.strategies import made_replies, replies, rules, short_replies

NEED_MORE = ("words", "left-out beginning", "left-out ending", "most sentences", "most words")
"""One edit may be too little evidence: one word or half a sentence less can be chance."""


def test_every_attribute_is_tested() -> None:
    assert {rule.attribute for rule in RULES} == set(ATTRIBUTES)


@given(rules(), replies())
def test_a_rule_holds_after_it_was_applied(rule: Rule, text: str) -> None:
    applied = rule.apply(text)
    assert applied is None or rule.holds(applied)


@given(rules(), replies())
def test_applying_a_rule_is_idempotent(rule: Rule, text: str) -> None:
    applied = rule.apply(text)
    assert applied is None or rule.apply(applied) == applied


@given(rules(), replies())
def test_a_reply_that_follows_a_rule_does_not_change(rule: Rule, text: str) -> None:
    assume(words(text) and rule.holds(text))
    assert rule.apply(text) == text


@given(rules(), made_replies())
def test_no_code_link_or_table_is_changed(rule: Rule, text: str) -> None:
    applied = rule.apply(text)
    assume(applied is not None and rule.attribute != "wrapping")
    assert set(mask(visible_prose(applied or ""))[1]) <= set(mask(visible_prose(text))[1])


@given(st.lists(rules(), max_size=4, unique_by=lambda rule: rule.attribute), replies())
def test_all_rules_hold_after_they_were_applied_together(together: list[Rule], text: str) -> None:
    applied = apply_all(together, text)
    assert applied is None or all(rule.holds(applied) for rule in together)


@given(st.lists(rules(), max_size=4, unique_by=lambda rule: rule.attribute), replies())
def test_applying_rules_together_is_idempotent(together: list[Rule], text: str) -> None:
    applied = apply_all(together, text)
    assert applied is None or apply_all(together, applied) == applied


@given(replies(), replies())
def test_the_rules_of_an_edit_hold_only_in_its_correction(original: str, corrected: str) -> None:
    for rule in rules_of(Edit(PROMPT, original, corrected, 1.0)):
        assert not rule.holds(original)
        assert rule.holds(corrected)


@settings(max_examples=25)
@given(st.lists(st.tuples(short_replies(), short_replies()), max_size=3), st.randoms())
def test_the_order_of_the_edits_does_not_matter(
    pairs: list[tuple[str, str]], random: Random
) -> None:
    edits = [Edit(PROMPT, *pair, at=float(at)) for at, pair in enumerate(pairs)]
    expected = [(each.rule, each.support, each.against) for each in learned_rules(edits)]
    random.shuffle(edits)
    found = [(each.rule, each.support, each.against) for each in learned_rules(edits)]
    assert found == expected


@settings(max_examples=60)
@given(rules(), made_replies())
def test_one_edit_shows_its_rule_or_an_equivalent_one(rule: Rule, text: str) -> None:
    applied = rule.apply(text)
    assume(applied is not None and applied != text)
    assume(len(sentences(visible_prose(text))) >= 4 and rule.attribute not in NEED_MORE)
    found = rules_of(Edit(PROMPT, text, applied or "", 1.0))
    assert rule in found or distance(rewrite(found, text), applied or "") == 0
