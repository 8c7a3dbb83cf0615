"""Approved proposals as rows of a dataset. Pure."""

from feedback.examples.build import example_id
from feedback.proposals.records import Proposal
from feedback.records import APPROVED, EDITED, ExampleKind, Message, TrainingExample
from feedback.text.tokens import have_one_end


def approved_example(proposal: Proposal) -> TrainingExample:
    """The row that an approved proposal makes: its reply, learned as a correction's is.

    What rules or the user changed counts as changed. All such rows are of one conversation, which
    is never held out: the model's own text proves nothing.
    """
    turns = (Message("user", proposal.instruction),)
    reply, written = proposal.reply, proposal.written
    revised_from = None if reply == written else written
    is_cut = proposal.is_cut and have_one_end(reply, written)
    return TrainingExample(
        id=example_id(ExampleKind.SFT, turns, reply, None, 1.0, revised_from, is_cut),
        user_id=proposal.user_id,
        kind=ExampleKind.SFT,
        prompt=turns,
        chosen=reply,
        rejected=None,
        weight=1.0,
        source=EDITED if proposal.is_edited else APPROVED,
        conversation_id=APPROVED,
        interaction_ids=(),
        feedback_ids=(proposal.id,),
        created_at=proposal.created_at,
        revised_from=revised_from,
        is_cut=is_cut,
    )
