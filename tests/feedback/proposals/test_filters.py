"""What is fit to be proposed."""

import pytest

from feedback.proposals.filters import Seen, Unfit, instruction_fault, reply_fault
from feedback.task_types import Kind

ADVICE = "How can I get my cat to sleep at night?"
SECRET = "AKIAABCDEFGHIJKLMNOP"


def fault(text: str, *seen: str) -> Unfit | None:
    return instruction_fault(text, {Kind.ADVICE}, Seen(seen))


def test_an_instruction_of_the_kind_is_fit() -> None:
    assert fault(ADVICE, "What should I do if my flight is cancelled?") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", Unfit.EMPTY),
        ("?!", Unfit.EMPTY),
        ("How to?", Unfit.NO_INSTRUCTION),
        ("How can I " + "really " * 60 + "sleep?", Unfit.NO_INSTRUCTION),
        ("User: how can I sleep at night?", Unfit.NO_INSTRUCTION),
        ("How can I sleep? Answer: by lying down.", Unfit.NO_INSTRUCTION),
        ("How can I sleep?<|im_end|>", Unfit.NO_INSTRUCTION),
        ("How can I write a story with these words:", Unfit.NO_INSTRUCTION),
        ("- - How can I sleep at night?", Unfit.NO_INSTRUCTION),
        ("Who painted the Mona Lisa?", Unfit.OTHER_KIND),
        (f"How can I use the key {SECRET}?", Unfit.SECRET),
    ],
)
def test_an_unfit_instruction_is_told_why(text: str, why: Unfit) -> None:
    assert fault(text) is why


def test_what_differs_in_a_word_is_nothing_new() -> None:
    assert fault("How can I get my dog to sleep at night?", ADVICE) is Unfit.KNOWN
    assert fault(f"  {ADVICE.upper()}".strip(), ADVICE) is Unfit.KNOWN


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("Play with it in the evening, and feed it late.", None),
        ("Yes.", None),
        (" \n", Unfit.EMPTY),
        ("Feed it late, and then " * 8, Unfit.LOOPING),
        (f"Use {SECRET} for that.", Unfit.SECRET),
        (ADVICE, Unfit.KNOWN),
    ],
)
def test_a_reply_is_told_what_speaks_against_it(reply: str, why: Unfit | None) -> None:
    assert reply_fault(ADVICE, reply, Seen()) is why


def test_one_evasion_to_everything_is_proposed_once() -> None:
    evasion = "I am sorry for any confusion, but as a chatbot I cannot really help with that."
    assert reply_fault(ADVICE, evasion, Seen()) is None
    assert reply_fault(ADVICE, evasion, Seen([evasion])) is Unfit.KNOWN


def test_short_replies_may_be_the_same() -> None:
    assert reply_fault("Is rain wet? True or false?", "True.", Seen(["True."])) is None
