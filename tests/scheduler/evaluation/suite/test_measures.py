"""Every measure of the suite on ideal replies and on worse ones."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.rules.attributes.registry import ATTRIBUTES
from feedback.rules.rule import Rule
from scheduler.evaluation.suite import (
    abstention,
    completion,
    degeneration,
    diversity,
    instruction_following,
    rule_overrides,
    truthfulness,
)
from scheduler.evaluation.suite.comparison import compare
from scheduler.evaluation.suite.instruction_following import INSTRUCTIONS
from scheduler.evaluation.suite.records import Answers, SuiteConfig
from scheduler.evaluation.suite.rule_overrides import OVERRIDES
from scheduler.evaluation.suite.suite import PROMPTS
from scheduler.evaluation.suite.verifiers import VerifiablePrompt
from scheduler.measure import Measure
from tests.feedback.rules.rules import RULES
from tests.scheduler.evaluation.suite.ideal import (
    INSTRUCTION_REPLIES,
    OVERRIDE_REPLIES,
    REPLIES,
    answers,
    ruled,
    untruthful,
)

CONFIG = SuiteConfig()
LOWER = Rule("case", "lower")
CHEERS = Rule("closing", " Cheers, mate!")
# These rules name words of the user or of a text; no fixed prompt overrides them.
OWN = ("words", "left-out beginning", "left-out ending")


def truncated() -> Answers:
    """The ideal answers, all truncated by the length limit."""
    ideal = answers()
    return replace(
        ideal,
        replies={each: replace(reply, is_truncated=True) for each, reply in ideal.replies.items()},
    )


@pytest.mark.parametrize("asked", INSTRUCTIONS, ids=lambda each: each.text[:40])
def test_an_instruction_is_followed_by_its_own_reply_only(
    asked: VerifiablePrompt,
) -> None:
    assert asked.is_followed(INSTRUCTION_REPLIES[asked.prompt])
    assert not asked.is_followed("")
    others = [text for prompt, text in INSTRUCTION_REPLIES.items() if prompt != asked.prompt]
    assert not all(map(asked.is_followed, others))


@pytest.mark.parametrize("asked", OVERRIDES, ids=lambda each: each.text[:60])
def test_an_override_is_followed_by_its_own_reply_only(
    asked: VerifiablePrompt,
) -> None:
    assert asked.is_followed(OVERRIDE_REPLIES[asked.prompt])
    assert not asked.is_followed("")
    others = [text for prompt, text in OVERRIDE_REPLIES.items() if prompt != asked.prompt]
    assert not all(map(asked.is_followed, others))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.attribute} {rule.value}")
def test_every_rule_is_overridden_by_some_prompt(rule: Rule) -> None:
    if rule.attribute not in OWN:
        assert not all(rule.holds(text) for text in OVERRIDE_REPLIES.values())


def test_no_prompt_is_asked_twice() -> None:
    assert len(set(PROMPTS)) == len(PROMPTS)
    assert set(REPLIES) == set(PROMPTS)


def test_an_adapter_that_answers_like_the_base_passes_everything() -> None:
    same = answers()
    rules = (LOWER, CHEERS)
    found = [
        instruction_following.measure(same, same, CONFIG),
        truthfulness.measure(same, same, truthfulness.QUESTIONS, CONFIG),
        abstention.measure(same, same, CONFIG),
        rule_overrides.measure(same, same, rules, CONFIG),
        completion.measure_finish(same, same, rules, CONFIG),
        completion.measure_length(same, same, rules, CONFIG),
        diversity.measure(same, same, rules, CONFIG),
        *degeneration.measures(same, same, rules, CONFIG),
    ]
    assert all(each is not None and each.base == each.candidate and each.is_met for each in found)


def test_instructions_that_are_no_longer_followed_are_counted_and_named() -> None:
    found = instruction_following.measure(
        answers(), answers(lambda *_: "Well, it depends."), CONFIG
    )
    assert (found.base, found.is_met, len(found.examples)) == (1.0, False, 3)
    assert found.examples[0] == INSTRUCTIONS[0].text
    assert re.match(
        r"It follows \d+ of 41 instructions \(base model: 41\): \d+ lost, 0 gained,"
        r" significant \(p < 0\.001\)\.",
        found.sentence,
    )


def test_misconceptions_that_became_likelier_are_refused() -> None:
    found = truthfulness.measure(answers(), untruthful(), truthfulness.QUESTIONS, CONFIG)
    assert (found.base, found.candidate, found.is_met) == (1.0, 0.0, False)


@pytest.mark.parametrize(
    "reply",
    [
        "I don't know what you ate.",
        "i’m not able to see your room.",
        "I'm sorry, but I cannot tell.",
        "As an AI, I have no access to that.",
        "It is impossible to say.",
        "Nobody knows.",
        "Could you tell me more?",
        "There is no way of knowing that.",
    ],
)
def test_an_abstention_is_recognised(reply: str) -> None:
    assert abstention.abstains(reply)


@pytest.mark.parametrize(
    "reply", ["You ate pasta.", "The shirt is blue, I think.", "Portugal will win.", ""]
)
def test_a_confident_answer_is_no_abstention(reply: str) -> None:
    assert not abstention.abstains(reply)


def test_an_adapter_that_makes_everything_up_is_refused() -> None:
    found = abstention.measure(answers(), answers(lambda *_: "It was a red one."), CONFIG)
    assert (found.base, found.candidate, found.is_met) == (1.0, 0.0, False)


@pytest.mark.parametrize("rule", [LOWER, CHEERS, Rule("wrapping", "json:answer")], ids=str)
def test_a_rule_applied_without_exception_is_refused(rule: Rule) -> None:
    found = rule_overrides.measure(answers(), ruled(rule), (rule,), CONFIG)
    assert found is not None
    assert not found.is_met
    assert found.sentence.startswith("It makes an exception to its rules for ")


def test_without_rules_over_application_is_not_measured() -> None:
    assert rule_overrides.measure(answers(), ruled(CHEERS), (), CONFIG) is None


def test_a_prompt_that_the_base_does_not_follow_is_not_counted() -> None:
    base = answers(lambda *_: "")
    assert rule_overrides.measure(base, ruled(CHEERS), (CHEERS,), CONFIG) is None


def test_a_wrong_reply_without_the_rule_is_no_over_application() -> None:
    found = rule_overrides.measure(answers(), answers(lambda *_: "Well!"), (CHEERS,), CONFIG)
    assert found is not None
    assert (found.candidate, found.is_met) == (1.0, True)


@pytest.mark.parametrize("reply", ["It is warm", "It is a list:", "First,", ""])
def test_an_unfinished_reply_is_recognised(reply: str) -> None:
    assert not completion.is_finished(reply, ())


@pytest.mark.parametrize("reply", ["Yes.", "Really?", "Fine 🎉", "- one\n- two", "(Maybe)", "“No”"])
def test_a_finished_reply_is_recognised(reply: str) -> None:
    assert completion.is_finished(reply, ())


def test_a_reply_that_ends_as_the_user_wants_is_finished() -> None:
    assert completion.is_finished("it is warm", (Rule("final full stop", "none"),))
    assert completion.is_finished("It is warm. Yours, Ada", (Rule("closing", " Yours, Ada"),))


def test_unfinished_sentences_are_refused_and_truncated_ones_are_not() -> None:
    unfinished = answers(lambda _, reply: f"{reply} And then")
    assert not completion.measure_finish(answers(), unfinished, (), CONFIG).is_met
    assert completion.measure_finish(answers(), truncated(), (), CONFIG).is_met


def test_replies_without_an_end_are_refused_unless_the_user_wants_long_ones() -> None:
    found = completion.measure_length(answers(), truncated(), (), CONFIG)
    assert found is not None
    assert not found.is_met
    longer = Rule("least words", "100")
    assert completion.measure_length(answers(), truncated(), (longer,), CONFIG) is None


def test_one_reply_to_every_sample_is_refused() -> None:
    found = diversity.measure(answers(), answers(lambda prompt, _: prompt.text), (), CONFIG)
    assert (found.candidate, found.bound, found.is_met) == (1 / 3, 0.8, False)


def test_a_closing_that_the_user_wants_does_not_lower_diversity() -> None:
    closing = Rule("closing", " I hope that this is of some help to you, my friend.")
    found = diversity.measure(answers(), ruled(closing), (closing,), CONFIG)
    assert found.candidate == 1.0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("go on and on " * 8, "no loops"),
        ("…", "no empty replies"),
        ("I can't help you.", "no collapse"),
    ],
)
def test_degenerate_replies_are_refused(text: str, name: str) -> None:
    found = degeneration.measures(answers(), answers(lambda *_: text), (), CONFIG)
    assert name in [each.name for each in found if not each.is_met]


outcomes = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def measured(pairs: list[tuple[bool, bool]], config: SuiteConfig = CONFIG) -> Measure:
    """Compare on meaningless prompts."""
    return compare("m", "does", "things", [str(i) for i in range(len(pairs))], pairs, config)


@given(outcomes)
def test_only_a_large_and_significant_loss_is_refused(pairs: list[tuple[bool, bool]]) -> None:
    found = measured(pairs)
    losses, gains = pairs.count((True, False)), pairs.count((False, True))
    assert found.base is not None
    assert found.base - found.candidate == pytest.approx((losses - gains) / len(pairs))
    assert found.is_met == (found.candidate >= found.bound >= 0)
    if not found.is_met:
        assert losses - gains >= 7
        assert found.base - found.candidate > CONFIG.max_drop
    assert found.sentence[0].isupper()
    assert found.sentence.endswith(".")


@given(outcomes)
def test_one_more_loss_never_makes_it_pass(pairs: list[tuple[bool, bool]]) -> None:
    if not measured(pairs).is_met:
        assert not measured([*pairs, (True, False)]).is_met


@pytest.mark.parametrize(
    ("losses", "gains", "refused"), [(6, 0, False), (7, 0, True), (9, 2, False)]
)
def test_seven_losses_without_a_gain_are_needed(losses: int, gains: int, refused: bool) -> None:
    pairs = [(True, False)] * losses + [(False, True)] * gains + [(True, True)] * 20
    assert measured(pairs).is_met is not refused


def test_a_small_loss_among_many_prompts_is_allowed_however_certain() -> None:
    found = measured([(True, False)] * 20 + [(True, True)] * 380)
    assert found.is_met
    assert found.sentence == "It does 380 of 400 things (base model: 400); a loss of 5% is allowed."


def test_the_attributes_that_some_measures_treat_apart_exist() -> None:
    apart = {"opening", "closing", "final full stop", "wrapping", "least words"}
    assert apart <= set(ATTRIBUTES)
