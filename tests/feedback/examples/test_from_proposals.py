"""What approved proposals become, and what they must not become."""

from typing import Any

from feedback.examples.dataset import freeze
from feedback.examples.from_proposals import approved_example
from feedback.filters.records import Reason, kept
from feedback.filters.run import fates_of
from feedback.proposals.records import Proposal, ProposalStatus
from feedback.records import APPROVED, EDITED, ExampleKind, Message
from feedback.rules.user_rules import rules_behind
from tests.feedback.make import make_feedback, make_interaction, make_proposal
from tests.scheduler.training import make_example


def approved(number: int = 1, **fields: Any) -> Proposal:
    fixed: dict[str, Any] = {
        "instruction": f"What is the capital of country {number}?",
        "status": ProposalStatus.APPROVED,
        "decided_at": 400.0,
    }
    return make_proposal(f"proposal-{number}", **fixed | fields)


def test_an_approved_reply_is_learned_as_it_is() -> None:
    example = approved_example(approved())
    assert (example.kind, example.source) == (ExampleKind.SFT, APPROVED)
    assert example.prompt == (Message("user", "What is the capital of country 1?"),)
    assert (example.chosen, example.revised_from) == ("Oslo is the capital of Norway.", None)
    assert example.feedback_ids == ("proposal-1",)


def test_what_rules_changed_counts_as_changed() -> None:
    example = approved_example(approved(reply="oslo.", written="Oslo."))
    assert (example.source, example.revised_from) == (APPROVED, "Oslo.")


def test_an_edited_reply_is_what_a_person_wrote() -> None:
    example = approved_example(approved(proposed="Bergen is."))
    assert example.source == EDITED
    assert fates_of((), (), [approved(proposed="Bergen is.")])[0].row.is_written
    assert not fates_of((), (), [approved()])[0].row.is_written


def test_the_end_of_a_cut_reply_is_not_learned_unless_it_was_rewritten() -> None:
    written = "First do this. Then do that."
    assert approved_example(approved(written=written, reply=written, is_cut=True)).is_cut
    other = approved(written=written, reply="First do this. Done!", is_cut=True)
    assert not approved_example(other).is_cut


def test_approved_practice_is_never_held_out() -> None:
    judged = [make_example(f"question {i}", f"reply {i}") for i in range(10)]
    practised = [approved_example(approved(i)) for i in range(40)]
    dataset = freeze("ann", [*judged, *practised])
    assert {each.id for each in practised} <= {each.id for each in dataset.train}
    assert dataset.held_out == freeze("ann", judged).held_out != ()


def test_approved_practice_shows_no_rules() -> None:
    reply = "Oslo is the capital of Norway, and Bergen is not."
    rewritten = approved_example(approved(reply=reply.lower(), written=reply))
    assert rules_behind([rewritten]) == ()


def test_a_secret_in_approved_practice_is_held_back() -> None:
    [fate] = fates_of((), (), [approved(reply="Use AKIAABCDEFGHIJKLMNOP for that.")])
    assert fate.left_out is not None and fate.left_out.reason is Reason.SECRET


def test_a_newer_correction_of_the_same_prompt_overrules_approved_practice() -> None:
    instruction = "What is the capital of France?"
    turn, judged = make_interaction(), make_feedback(correction="Paris, of course!", at=500.0)
    fates = fates_of([turn], [judged], [approved(instruction=instruction)])
    left_out = [fate.row.example.source for fate in fates if fate.left_out]
    assert left_out == [APPROVED]


def test_two_proposals_that_were_edited_to_be_the_same_are_one_row() -> None:
    same = [approved(i, instruction="What is it?", written="It is so.") for i in range(2)]
    assert len(kept(fates_of((), (), same))) == 1
