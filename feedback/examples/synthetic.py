"""Practice: a user's rules, applied to the base's replies to other prompts.

One correction shows a rule and one text in which it holds. A model that is fitted on the text alone
learns the text; practised on others it learns the rule. Pure.
"""

from collections.abc import Sequence

from feedback.records import ExampleKind, ExampleSource, Message, TrainingExample
from feedback.rules.overrides import overridden
from feedback.rules.rule import Rule, apply_all
from feedback.text.edit_distance import normalised_edit_distance
from feedback.text.truncation import strip_truncated_sentence

_MORE = "There is more to say about this."


def synthetic_examples(
    user_id: str,
    rules: Sequence[Rule],
    exchanges: Sequence[tuple[str, str]],
    count: int,
) -> tuple[TrainingExample, ...]:
    """At most `count` examples: replies changed so that every rule holds, the most changed first.

    `exchanges` are prompts with what the base replies; a sentence that its end cuts off is left
    out. Replies that the rules cannot change, or leave as they are, are passed over, and prompts
    that rule a rule out. Where much
    changes there is much to learn: of "lower case", more from names than from common words. A third
    are replies that end by themselves, where there are as many: else nothing shows where to end.
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


def synthetic_example(
    user_id: str, rules: Sequence[Rule], prompt: str, reply: str
) -> TrainingExample | None:
    """A reply with its unfinished end left out, changed so that every rule holds.

    None where the rules cannot be applied; unchanged where they hold already.
    """
    whole = reply.strip()
    original = strip_truncated_sentence(whole)
    changed = apply_all(rules, original)
    if changed is None:
        return None
    is_truncated = original != whole and _goes_on(rules, original, changed)
    return rewritten_example(user_id, prompt, original, changed, is_truncated=is_truncated)


def _goes_on(rules: Sequence[Rule], original: str, changed: str) -> bool:
    """Whether more of the original would make more of the changed text: it does not end there.

    One of three sentences, or with a closing, ends where it does whatever was cut off.
    """
    longer = apply_all(rules, f"{original} {_MORE}")
    return longer is not None and longer != changed and longer.startswith(changed)


def rewritten_example(
    user_id: str, prompt: str, original: str, changed: str, *, is_truncated: bool
) -> TrainingExample:
    """The example of a model's reply that was changed; equal texts mean that it was good as it was.

    `is_truncated` says that the reply does not end by itself.
    """
    return TrainingExample(
        user_id=user_id,
        kind=ExampleKind.SFT,
        prompt=(Message("user", prompt),),
        chosen=changed,
        source=ExampleSource.SYNTHETIC,
        conversation_id=ExampleSource.SYNTHETIC.value,
        created_at=0.0,
        revised_from=original,
        is_truncated=is_truncated,
    )
