"""Approved proposals as rows of a dataset. Pure."""

from feedback.proposals.records import Proposal
from feedback.records import ExampleKind, ExampleSource, Message, TrainingExample
from feedback.text.tokens import have_same_ending

_APPROVED = ExampleSource.APPROVED_PROPOSAL


def approved_example(proposal: Proposal) -> TrainingExample:
    """The row that an approved proposal makes: its reply, learned as a correction's is.

    What rules or the user changed counts as changed. All such rows are of one conversation, which
    is never held out: the model's own text proves nothing.
    """
    reply, written = proposal.reply, proposal.written
    source = ExampleSource.EDITED_PROPOSAL if proposal.is_edited else _APPROVED
    return TrainingExample(
        user_id=proposal.user_id,
        kind=ExampleKind.SFT,
        prompt=(Message("user", proposal.instruction),),
        chosen=reply,
        source=source,
        conversation_id=_APPROVED.value,
        feedback_ids=(proposal.id,),
        created_at=proposal.created_at,
        revised_from=None if reply == written else written,
        is_truncated=proposal.is_truncated and have_same_ending(reply, written),
    )
