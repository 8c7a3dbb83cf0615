"""The instructions and replies that may be proposed."""

import pytest

from feedback.proposals.filters import (
    KnownTexts,
    Unusable,
    instruction_fault,
    reads_as_instruction,
    reply_fault,
)
from feedback.task_types import TaskType

ADVICE = "How can I get my cat to sleep at night?"
SECRET = "AKIAABCDEFGHIJKLMNOP"


def fault(text: str, *seen: str) -> Unusable | None:
    return instruction_fault(text, {TaskType.ADVICE}, KnownTexts(seen))


def test_an_instruction_of_the_task_type_is_usable() -> None:
    assert fault(ADVICE, "What should I do if my flight is cancelled?") is None


def test_words_need_no_spaces_between_them() -> None:
    assert reads_as_instruction("请解释重力是什么")
    assert not reads_as_instruction("请用这些词：")
    assert not reads_as_instruction("猫" * 60)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", Unusable.EMPTY),
        ("?!", Unusable.EMPTY),
        ("How to?", Unusable.NO_INSTRUCTION),
        ("How can I " + "really " * 60 + "sleep?", Unusable.NO_INSTRUCTION),
        ("User: how can I sleep at night?", Unusable.NO_INSTRUCTION),
        ("How can I sleep? Answer: by lying down.", Unusable.NO_INSTRUCTION),
        ("How can I sleep?<|im_end|>", Unusable.NO_INSTRUCTION),
        ("How can I write a story with these words:", Unusable.NO_INSTRUCTION),
        ("- - How can I sleep at night?", Unusable.NO_INSTRUCTION),
        ("Who painted the Mona Lisa?", Unusable.OTHER_KIND),
        (f"How can I use the key {SECRET}?", Unusable.SECRET),
    ],
)
def test_an_unusable_instruction_has_a_reason(text: str, why: Unusable) -> None:
    assert fault(text) is why


def test_an_instruction_that_differs_in_one_word_is_known() -> None:
    assert fault("How can I get my dog to sleep at night?", ADVICE) is Unusable.KNOWN
    assert fault(f"  {ADVICE.upper()}".strip(), ADVICE) is Unusable.KNOWN


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("Play with it in the evening, and feed it late.", None),
        ("Yes.", None),
        (" \n", Unusable.EMPTY),
        ("Feed it late, and then " * 8, Unusable.LOOPING),
        (f"Use {SECRET} for that.", Unusable.SECRET),
        (ADVICE, Unusable.KNOWN),
    ],
)
def test_an_unusable_reply_has_a_reason(reply: str, why: Unusable | None) -> None:
    assert reply_fault(ADVICE, reply, KnownTexts()) is why


def test_the_same_evasive_reply_is_proposed_once() -> None:
    evasion = "I am sorry for any confusion, but as a chatbot I cannot really help with that."
    assert reply_fault(ADVICE, evasion, KnownTexts()) is None
    assert reply_fault(ADVICE, evasion, KnownTexts([evasion])) is Unusable.KNOWN


def test_short_replies_may_repeat() -> None:
    assert reply_fault("Is rain wet? True or false?", "True.", KnownTexts(["True."])) is None
