"""Which replies a user said something about that nobody has put into practice yet. Pure."""

from collections.abc import Container, Iterable
from dataclasses import dataclass

from feedback.opinions import by_prompt, opinions, targets, usable
from feedback.records import Feedback, Interaction


@dataclass(frozen=True, slots=True)
class Commented:
    """A reply and the newest comment on it."""

    interaction: Interaction
    feedback: Feedback

    @property
    def comment(self) -> str:
        """What the user said."""
        return (self.feedback.comment or "").strip()


def commented(
    interactions: Iterable[Interaction],
    feedback: Iterable[Feedback],
    *,
    but_in: Container[str],
    limit: int,
) -> tuple[Commented, ...]:
    """The `limit` replies that were commented on last, the newest first.

    Not what was liked, which is good as it is; not answers to prompts of which the user corrected a
    reply, which says more; and none of the conversations `but_in`.
    """
    known, applied = usable(interactions, feedback)
    newest = {each.target: each for each in applied if (each.comment or "").strip()}
    found = [
        Commented(each.interaction, newest[each.interaction.id])
        for group in by_prompt(opinions(known, applied))
        if not any(target.source == "correction" for target in targets(group))
        for each in group
        if each.interaction.id in newest
        and each.target is None
        and each.interaction.reply.strip()
        and each.interaction.conversation_id not in but_in
    ]
    found.sort(key=lambda each: (each.feedback.updated_at, each.feedback.id), reverse=True)
    return tuple(found[:limit])
