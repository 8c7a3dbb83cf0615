"""Turns approved proposals of earlier releases into what says the same today. Pure.

A proposal was an instruction and a reply that the model wrote. Its user approved the reply as it
was, or as rules or the user had changed it.
"""

from feedback.conversation import conversation_id
from feedback.records import Feedback, Interaction, Message


def turn_and_feedback(
    *,
    user_id: str,
    proposal_id: str,
    instruction: str,
    reply: str,
    written: str,
    is_truncated: bool,
    adapter: str,
    created_at: float,
    decided_at: float | None,
) -> tuple[Interaction, Feedback]:
    """A chat turn with the reply as `written`, and a like of it or the correction to `reply`.

    The ids depend on the user and the proposal alone: an import finds what a migration stored.
    """
    messages = (Message("user", instruction),)
    conversation = conversation_id(user_id, proposal_id, messages)
    turn = Interaction(
        id=f"chatcmpl-{conversation[:32]}",
        user_id=user_id,
        conversation_id=conversation,
        created_at=created_at,
        model="",  # nobody named one
        adapter=adapter,
        messages=messages,
        replies=(written,),
        finish_reasons=("length" if is_truncated else "stop",),
        prompt_tokens=0,
        completion_tokens=0,
    )
    is_liked = reply.strip() == written.strip()
    feedback_at = created_at if decided_at is None else decided_at
    feedback = Feedback(
        id=f"feedback-{conversation[:32]}",
        user_id=user_id,
        completion_id=turn.id,
        created_at=feedback_at,
        updated_at=feedback_at,
        value=1 if is_liked else None,
        correction=None if is_liked else reply,
    )
    return turn, feedback
