"""Turns approved proposals into training examples. Pure."""

from feedback.proposals.records import Proposal
from feedback.records import ExampleKind, ExampleSource, Message, TrainingExample
from feedback.text.tokens import have_same_ending

_APPROVED = ExampleSource.APPROVED_PROPOSAL


def approved_example(proposal: Proposal) -> TrainingExample:
    """The example of an approved proposal: its reply, learned like a correction.

    Changes by rules count like the user's own. All these examples belong to one conversation,
    which is never held out: the model's own text is no evidence.
    """
    reply, written = proposal.reply, proposal.written
    source = ExampleSource.EDITED_PROPOSAL if proposal.is_edited else _APPROVED
    return TrainingExample(
        user_id=proposal.user_id,
        kind=ExampleKind.SFT,
        messages=(Message("user", proposal.instruction),),
        chosen=reply,
        source=source,
        conversation_id=_APPROVED.value,
        feedback_ids=(proposal.id,),
        created_at=proposal.created_at,
        revised_from=None if reply == written else written,
        is_truncated=proposal.is_truncated and have_same_ending(reply, written),
    )
