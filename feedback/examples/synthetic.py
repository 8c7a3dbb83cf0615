"""Synthetic examples: the user's rules applied to the base's replies to other prompts. Pure.

A model that is trained on one corrected text learns that text; on many it learns the rule.
"""

from collections.abc import Sequence

from feedback.records import ExampleKind, ExampleSource, Message, TrainingExample
from feedback.rules.overrides import overridden
from feedback.rules.rule import Rule, apply_all
from feedback.text.edit_distance import normalised_edit_distance
from feedback.text.truncation import strip_truncated_sentence

_MORE = "There is more to say about this."


def synthetic_examples(
    user_id: str, rules: Sequence[Rule], exchanges: Sequence[tuple[str, str]], count: int
) -> tuple[TrainingExample, ...]:
    """At most `count` examples: replies rewritten so that every rule holds, most changed first.

    `exchanges` are prompts with the base's replies; a truncated last sentence is removed. Skips
    replies that the rules cannot rewrite or do not change, and prompts that override a rule. A
    big change teaches much: names teach "lower case" better than common words do. Up to a third
    are replies that end by themselves: otherwise nothing shows where to end.
    """
    made: list[tuple[float, TrainingExample]] = []
    for prompt, reply in exchanges if rules else ():
        if overridden(rules, prompt):
            continue
        example = synthetic_example(user_id, rules, prompt, reply)
        if example is not None and example.chosen != example.revised_from:
            share = normalised_edit_distance(example.chosen, example.revised_from or "")
            made.append((share, example))
    made.sort(key=lambda each: each[0], reverse=True)
    examples = [example for _, example in made]
    ended = [example for example in examples if not example.is_truncated][: count // 3]
    others = [example for example in examples if example not in ended]
    return (*ended, *others[: count - len(ended)])


def wanted_replies(
    user_id: str, rules: Sequence[Rule], exchanges: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """The exchanges with their replies as the rules want them; unchanged if the rules cannot."""
    wanted = [synthetic_example(user_id, rules, *each) for each in exchanges]
    return tuple(
        (prompt, reply if example is None else example.chosen)
        for (prompt, reply), example in zip(exchanges, wanted, strict=True)
    )


def synthetic_example(
    user_id: str, rules: Sequence[Rule], prompt: str, reply: str
) -> TrainingExample | None:
    """A reply without its truncated sentence, rewritten by the rules; None if one cannot apply."""
    full = reply.strip()
    original = strip_truncated_sentence(full)
    changed = apply_all(rules, original)
    if changed is None:
        return None
    is_truncated = original != full and _goes_on(rules, original, changed)
    return rewritten_example(user_id, prompt, original, changed, is_truncated=is_truncated)


def _goes_on(rules: Sequence[Rule], original: str, changed: str) -> bool:
    """Whether a longer original would make a longer changed text, so that it does not end there.

    A rule that limits the sentences or adds a closing sets the end itself.
    """
    longer = apply_all(rules, f"{original} {_MORE}")
    return longer is not None and longer != changed and longer.startswith(changed)


def rewritten_example(
    user_id: str, prompt: str, original: str, changed: str, *, is_truncated: bool
) -> TrainingExample:
    """The example of a rewritten reply, or of a good one if both texts are equal."""
    return TrainingExample(
        user_id=user_id,
        kind=ExampleKind.SFT,
        messages=(Message("user", prompt),),
        chosen=changed,
        source=ExampleSource.SYNTHETIC,
        conversation_id=ExampleSource.SYNTHETIC.value,
        created_at=0.0,
        revised_from=original,
        is_truncated=is_truncated,
    )
