"""Lets the base revise replies by the comments on them, and makes examples of the revisions.

A comment says what is wrong, not what would be right. A base that follows instructions can write
that (C3PO, Stephan et al., arXiv 2402.10893; there a larger model does). A revision must pass
checks. As many of the base's own replies to other prompts are added, so that a comment on one reply
does not change all others.
"""

from collections.abc import Callable, Sequence

from feedback.examples.synthetic import synthetic_example
from feedback.judged_replies import CommentedReply
from feedback.records import ExampleKind, ExampleSource, Message, TrainingExample
from feedback.rules.rule import Rule
from feedback.text.counts import count
from feedback.text.repetition import is_repetitive
from feedback.text.scripts import ends_in_word
from feedback.text.truncation import strip_truncated_sentence
from scheduler.evaluation.degeneration import is_empty

MAX_COMMENTS = 16
REPLY_TOKENS = 256
MAX_REQUEST_BYTES = 3000

_TEMPLATE = (
    "Below are an instruction, a response to it, and feedback on the response. Write the response"
    " anew so that it does what the feedback says, and change nothing else. Write only the new"
    " response.\n\n"
    "### Instruction:\n{instruction}\n\n"
    "### Response:\n{response}\n\n"
    "### Feedback:\n{comment}\n\n"
    "### New response:\n"
)
_TASK_WORDS = ("feedback", "new response", "revised response", "original response", "### ")
_MAX_LENGTH_RATIO = 3


def revise(
    user_id: str,
    comments: Sequence[CommentedReply],
    rules: Sequence[Rule],
    exchanges: Sequence[tuple[str, str]],
    ask: Callable[[Sequence[str]], list[str]],
) -> tuple[tuple[TrainingExample, ...], str]:
    """An example for every comment that the base could follow, and a sentence that counts them.

    `exchanges` are other prompts with the base's replies: one joins each revision, unchanged. `ask`
    gives the base's reply to each prompt.
    """
    asked = [(each, text) for each in comments if (text := _request(each)) is not None]
    replies = ask([text for _, text in asked]) if asked else []
    revisions = [
        _example(user_id, each, reply.strip())
        for (each, _), reply in zip(asked, replies, strict=True)
        if is_valid_revision(reply.strip(), each, rules)
    ]
    unchanged = [
        example
        for prompt, reply in exchanges[: len(revisions)]
        if (example := synthetic_example(user_id, (), prompt, reply)) is not None
    ]
    followed = f"{len(revisions)} of {count(len(comments), 'comment')}"
    return (*unchanged, *revisions), f"The base followed {followed} in a revised reply."


def is_valid_revision(reply: str, commented: CommentedReply, rules: Sequence[Rule]) -> bool:
    """Whether `reply` may be learned as the revision.

    It must be new, not much longer than the original, neither empty nor repetitive, and finished if
    the original is. It must follow every rule that the original follows, and not talk of the task.
    """
    original = commented.interaction.reply.strip()
    allowed, folded = f"{original} {commented.comment}".casefold(), reply.casefold()
    return (
        reply not in (original, commented.comment)
        and len(reply) <= _MAX_LENGTH_RATIO * len(original) + 200
        and not is_empty(reply)
        and not is_repetitive(reply)
        and not any(each in folded and each not in allowed for each in _TASK_WORDS)
        and ends_in_word(reply.rstrip()) <= ends_in_word(original)
        and all(rule.holds(reply) for rule in rules if rule.holds(original))
    )


def _request(commented: CommentedReply) -> str | None:
    """What the base is asked; None above `MAX_REQUEST_BYTES`: a small one has a short context."""
    turn = commented.interaction
    text = _TEMPLATE.format(
        instruction=_as_text(turn.messages),
        response=turn.reply.strip(),
        comment=commented.comment,
    )
    return text if len(text.encode()) <= MAX_REQUEST_BYTES else None


def _as_text(messages: Sequence[Message]) -> str:
    """The user message verbatim, or the whole conversation if it has several turns."""
    turns = [f"{each.role}: {each.content}" for each in messages]
    return (messages[0].content if len(messages) == 1 else "\n\n".join(turns)).strip()


def _example(user_id: str, commented: CommentedReply, reply: str) -> TrainingExample:
    turn = commented.interaction
    original = strip_truncated_sentence(turn.reply) if turn.is_truncated else turn.reply
    return TrainingExample(
        user_id=user_id,
        kind=ExampleKind.SFT,
        messages=turn.messages,
        chosen=reply,
        source=ExampleSource.COMMENT,
        conversation_id=turn.conversation_id,
        interaction_ids=(turn.id,),
        feedback_ids=(commented.feedback.id,),
        created_at=turn.created_at,
        revised_from=original,
    )
