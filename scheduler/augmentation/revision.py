"""Lets the base write replies anew as comments on them ask for, and makes rows of what comes of it.

A comment says what is wrong, not what would be right; a base that heeds instructions can write that
(C3PO, Stephan et al., arXiv 2402.10893; there by a larger model). What it writes is kept only where
it passes checks, and as many of the base's own replies to other prompts stand beside it, so that a
comment on one reply does not change all others.
"""

from collections.abc import Callable, Sequence

from feedback.examples.synthetic import synthetic_example
from feedback.judged_replies import CommentedReply
from feedback.records import ExampleKind, ExampleSource, TrainingExample
from feedback.rules.rule import Rule
from feedback.text.counts import count
from feedback.text.truncation import strip_truncated_sentence
from scheduler.augmentation.self_distillation import as_text, is_learnable, within_limit

MAX_COMMENTS = 16

_TEMPLATE = (
    "Below are an instruction, a response to it, and feedback on the response. Write the response"
    " anew so that it does what the feedback says, and change nothing else. Write only the new"
    " response.\n\n"
    "### Instruction:\n{instruction}\n\n"
    "### Response:\n{response}\n\n"
    "### Feedback:\n{comment}\n\n"
    "### New response:\n"
)
_TALK = ("feedback", "new response", "revised response", "original response", "### ")
_LONGER = 3
"""How many times as long as the original a new reply may be; and 200 characters more."""


def revise(
    user_id: str,
    comments: Sequence[CommentedReply],
    rules: Sequence[Rule],
    reference_replies: Sequence[tuple[str, str]],
    ask: Callable[[Sequence[str]], list[str]],
) -> tuple[tuple[TrainingExample, ...], str]:
    """A row for every comment that the base could follow, with anchors; how many in a sentence.

    `ask` gives the base's reply to each prompt; `reference_replies` are prompts of other things, with what
    the base replies.
    """
    asked = [(each, text) for each in comments if (text := _request(each)) is not None]
    replies = ask([text for _, text in asked]) if asked else []
    rows = [
        _row(user_id, each, reply.strip())
        for (each, _), reply in zip(asked, replies, strict=True)
        if is_valid_revision(reply.strip(), each, rules)
    ]
    beside = [
        anchor
        for prompt, reply in reference_replies[: len(rows)]
        if (anchor := synthetic_example(user_id, (), prompt, reply)) is not None
    ]
    sentence = f"Of {count(len(comments), 'comment')} the base could follow {len(rows)} in a reply of its own."
    return (*beside, *rows), sentence


def is_valid_revision(reply: str, commented: CommentedReply, rules: Sequence[Rule]) -> bool:
    """Whether a new reply may stand for what a comment asks for.

    It is another one than the original, says something, once, and to the end; it keeps the rules
    that the original kept; it does not speak of the task; and it is not much longer.
    """
    original = commented.interaction.reply.strip()
    meant = f"{original} {commented.comment}"
    return (
        is_learnable(reply, original, rules, _TALK, meant)
        and reply not in (original, commented.comment)
        and len(reply) <= _LONGER * len(original) + 200
    )


def _request(commented: CommentedReply) -> str | None:
    turn = commented.interaction
    text = _TEMPLATE.format(
        instruction=as_text(turn.messages),
        response=turn.reply.strip(),
        comment=commented.comment,
    )
    return within_limit(text)


def _row(user_id: str, commented: CommentedReply, reply: str) -> TrainingExample:
    turn = commented.interaction
    original = strip_truncated_sentence(turn.reply) if turn.is_truncated else turn.reply
    return TrainingExample(
        user_id=user_id,
        kind=ExampleKind.SFT,
        prompt=turn.messages,
        chosen=reply,
        source=ExampleSource.COMMENT,
        conversation_id=turn.conversation_id,
        interaction_ids=(turn.id,),
        feedback_ids=(commented.feedback.id,),
        created_at=turn.created_at,
        revised_from=original,
    )
