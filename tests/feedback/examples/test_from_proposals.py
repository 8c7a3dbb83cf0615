"""Approved proposals as training examples."""

from typing import Any

from feedback.examples.dataset import build_dataset
from feedback.examples.from_proposals import approved_example
from feedback.filters.records import RejectionReason, accepted
from feedback.filters.run import filter_examples
from feedback.proposals.records import Proposal, ProposalStatus
from feedback.records import ExampleKind, ExampleSource, Message
from feedback.rules.user_rules import learn_rules
from tests.feedback.make import make_feedback, make_interaction, make_proposal
from tests.scheduler.training import make_example


def approved(number: int = 1, **fields: Any) -> Proposal:
    fixed: dict[str, Any] = {
        "instruction": f"What is the capital of country {number}?",
        "status": ProposalStatus.APPROVED,
        "decided_at": 400.0,
    }
    return make_proposal(f"proposal-{number}", **fixed | fields)


def test_an_approved_reply_makes_an_example() -> None:
    example = approved_example(approved())
    assert (example.kind, example.source) == (ExampleKind.SFT, ExampleSource.APPROVED_PROPOSAL)
    assert example.messages == (Message("user", "What is the capital of country 1?"),)
    assert (example.chosen, example.revised_from) == ("Oslo is the capital of Norway.", None)
    assert example.feedback_ids == ("proposal-1",)


def test_an_example_names_the_reply_before_the_rules_changed_it() -> None:
    example = approved_example(approved(reply="oslo.", written="Oslo."))
    assert (example.source, example.revised_from) == (ExampleSource.APPROVED_PROPOSAL, "Oslo.")


def test_an_edited_reply_counts_as_hand_written() -> None:
    example = approved_example(approved(proposed="Bergen is."))
    assert example.source == ExampleSource.EDITED_PROPOSAL
    assert filter_examples((), (), [approved(proposed="Bergen is.")])[0].dated.is_hand_written
    assert not filter_examples((), (), [approved()])[0].dated.is_hand_written


def test_a_truncated_reply_stays_truncated_unless_its_end_was_rewritten() -> None:
    written = "First do this. Then do that."
    assert approved_example(
        approved(written=written, reply=written, is_truncated=True)
    ).is_truncated
    other = approved(written=written, reply="First do this. Done!", is_truncated=True)
    assert not approved_example(other).is_truncated


def test_an_approved_proposal_is_never_held_out() -> None:
    rated = [make_example(f"question {i}", f"reply {i}") for i in range(10)]
    proposed = [approved_example(approved(i)) for i in range(40)]
    dataset = build_dataset("ann", [*rated, *proposed])
    assert {each.id for each in proposed} <= {each.id for each in dataset.train}
    assert dataset.held_out == build_dataset("ann", rated).held_out != ()


def test_an_approved_proposal_shows_no_rules() -> None:
    reply = "Oslo is the capital of Norway, and Bergen is not."
    rewritten = approved_example(approved(reply=reply.lower(), written=reply))
    assert learn_rules([rewritten]) == ()


def test_an_approved_proposal_with_a_secret_is_rejected() -> None:
    [result] = filter_examples((), (), [approved(reply="Use AKIAABCDEFGHIJKLMNOP for that.")])
    assert result.rejection is not None and result.rejection.reason is RejectionReason.SECRET


def test_a_newer_correction_of_the_same_prompt_overrules_an_approved_proposal() -> None:
    instruction = "What is the capital of France?"
    turn, feedback = make_interaction(), make_feedback(correction="The capital is Paris.", at=500.0)
    results = filter_examples([turn], [feedback], [approved(instruction=instruction)])
    rejections = [result.dated.example.source for result in results if result.rejection]
    assert rejections == [ExampleSource.APPROVED_PROPOSAL]


def test_two_proposals_that_were_edited_to_be_equal_make_one_example() -> None:
    same = [approved(i, instruction="What is it?", written="It is so.") for i in range(2)]
    assert len(accepted(filter_examples((), (), same))) == 1
