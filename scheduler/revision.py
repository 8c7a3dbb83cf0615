"""Lets the base write replies anew as comments on them ask for, and makes rows of what comes of it.

A comment says what is wrong, not what would be right; a base that heeds instructions can write that
(C3PO, Stephan et al., arXiv 2402.10893; there by a larger model). What it writes is kept only where
it passes checks, and as many of the base's own replies to other prompts stand beside it, so that a
comment on one reply does not change all others.
"""

from collections.abc import Callable, Sequence

from feedback.comments import Commented
from feedback.curate import example_id
from feedback.edits.rule import Rule
from feedback.edits.unfinished import whole_part
from feedback.practice import practised
from feedback.records import ExampleKind, TrainingExample
from scheduler.reply_faults import is_repetitive, is_silent
from scheduler.rewording import as_text, ends_alike

SOURCE = "comment"
MAX_COMMENTS = 16
REPLY_TOKENS = 256
MAX_REQUEST_BYTES = 3000
"""Of longer ones nothing is made: no token has less than a byte, and bases with a context of 4,096
tokens must have room."""

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


def revised(
    user_id: str,
    comments: Sequence[Commented],
    rules: Sequence[Rule],
    anchors: Sequence[tuple[str, str]],
    ask: Callable[[Sequence[str]], list[str]],
) -> tuple[tuple[TrainingExample, ...], str]:
    """A row for every comment that the base could follow, with anchors; how many in a sentence.

    `ask` gives the base's reply to each prompt; `anchors` are prompts of other things, with what
    the base replies.
    """
    asked = [(each, text) for each in comments if (text := _request(each)) is not None]
    replies = ask([text for _, text in asked]) if asked else []
    rows = [
        _row(user_id, each, reply.strip())
        for (each, _), reply in zip(asked, replies, strict=True)
        if follows(reply.strip(), each, rules)
    ]
    beside = [_anchor(user_id, *each) for each in anchors[: len(rows)]]
    noun = "comment" if len(comments) == 1 else "comments"
    sentence = f"Of {len(comments)} {noun} the base could follow {len(rows)} in a reply of its own."
    return (*beside, *rows), sentence


def follows(reply: str, commented: Commented, rules: Sequence[Rule]) -> bool:
    """Whether a new reply may stand for what a comment asks for.

    It is another one than the original, says something, once, and to the end; it keeps the rules
    that the original kept; it does not speak of the task; and it is not much longer.
    """
    original = commented.interaction.reply.strip()
    said, known = reply.casefold(), f"{original} {commented.comment}".casefold()
    return (
        not is_silent(reply)
        and not is_repetitive(reply)
        and reply not in (original, commented.comment)
        and ends_alike(reply, original)
        and len(reply) <= _LONGER * len(original) + 200
        and not any(each in said and each not in known for each in _TALK)
        and all(rule.holds(reply) for rule in rules if rule.holds(original))
    )


def _request(commented: Commented) -> str | None:
    turn = commented.interaction
    text = _TEMPLATE.format(
        instruction=as_text(turn.messages),
        response=turn.reply.strip(),
        comment=commented.comment,
    )
    return text if len(text.encode()) <= MAX_REQUEST_BYTES else None


def _row(user_id: str, commented: Commented, reply: str) -> TrainingExample:
    turn = commented.interaction
    original = whole_part(turn.reply) if turn.is_cut else turn.reply
    return TrainingExample(
        id=example_id(ExampleKind.SFT, turn.messages, reply, None, 1.0, original),
        user_id=user_id,
        kind=ExampleKind.SFT,
        prompt=turn.messages,
        chosen=reply,
        rejected=None,
        weight=1.0,
        source=SOURCE,
        conversation_id=turn.conversation_id,
        interaction_ids=(turn.id,),
        feedback_ids=(commented.feedback.id,),
        created_at=turn.created_at,
        revised_from=original,
    )


def _anchor(user_id: str, prompt: str, reply: str) -> TrainingExample:
    whole = whole_part(reply.strip())
    return practised(user_id, prompt, whole, whole, is_cut=whole != reply.strip())
