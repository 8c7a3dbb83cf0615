"""Five corrections made by one hidden rule show exactly that rule."""

import pytest

from feedback.rules.from_corrections import Edit, learned_rules, rules_of
from feedback.rules.rule import Rule, apply_all, rewrite
from tests.feedback.rules.replies import PROMPT, REPLIES
from tests.feedback.rules.rules import RULES

# A rule to apply to the originals first, if ordinary replies give nothing to change.
BEFORE = {
    Rule("left-out beginning", "As you asked."): Rule("opening", "As you asked. "),
    Rule("left-out ending", "That is all."): Rule("closing", " That is all."),
    Rule("left-out beginning", "lead-in"): Rule("opening", "Here is what I found:\n\n"),
    Rule("spelling", "american"): Rule("spelling", "british"),
    Rule("contractions", "short"): Rule("contractions", "long"),
    Rule("case", "sentence"): Rule("case", "lower"),
    Rule("emoji", "none"): Rule("closing", " 😊"),
    Rule("wrapping", "none"): Rule("wrapping", 'marks:"'),
    Rule("final full stop", "none"): Rule("exclamation marks", "."),
    Rule("list", "none"): Rule("list", "-"),
    Rule("paragraphs", "one"): Rule("headings", "none"),
}
# Only an author can make a text longer.
HIDDEN = [rule for rule in RULES if rule.attribute != "least words"]
# One word or one sentence less can be chance: these rules need several edits.
PLAIN = [
    rule
    for rule in HIDDEN
    if rule.attribute not in ("words", "left-out beginning", "left-out ending")
]


def made_by(hidden: Rule) -> list[Edit]:
    """Five edits of different replies, all made by one rule."""
    before = BEFORE.get(hidden)
    originals = [rewrite([before] if before else [], reply) for reply in REPLIES]
    pairs = ((original, hidden.apply(original)) for original in originals)
    changed = [(was, now) for was, now in pairs if now is not None and now != was]
    return [Edit(PROMPT, *pair, at=float(at)) for at, pair in enumerate(changed[-5:])]


@pytest.mark.parametrize("hidden", HIDDEN, ids=lambda rule: f"{rule.attribute} {rule.value!r}")
def test_five_edits_show_a_hidden_rule(hidden: Rule) -> None:
    edits = made_by(hidden)
    assert len(edits) == 5
    (learned,) = learned_rules(edits)
    assert learned.rule == hidden
    assert (learned.support, learned.against) == (5, 0)


@pytest.mark.parametrize("hidden", PLAIN, ids=lambda rule: f"{rule.attribute} {rule.value!r}")
def test_one_edit_shows_the_rule_or_an_equivalent_one(hidden: Rule) -> None:
    for edit in made_by(hidden):
        found = rules_of(edit)
        assert hidden in found or apply_all(found, edit.original) == edit.corrected
