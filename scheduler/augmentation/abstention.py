"""Questions that nobody can answer, with replies that say so.

Without them an adapter would learn from the synthetic examples to answer everything.
"""

from collections.abc import Sequence
from itertools import islice

from feedback.examples.synthetic import synthetic_example
from feedback.records import TrainingExample
from feedback.rules.rule import Rule

ABSTENTIONS = (
    (
        "What is my dog called?",
        "I don't know what your dog is called. You have not told me its name.",
    ),
    (
        "How many people will visit Rome in 2085?",
        "Nobody can know how many people will visit Rome in 2085.",
    ),
    ("What am I holding in my left hand?", "I can't see what you are holding. Please tell me."),
    (
        "What did Napoleon think on the evening before he died?",
        "I do not know. Nobody wrote down what Napoleon thought on that evening.",
    ),
    (
        "Which team will win next Sunday?",
        "I'm not able to tell who will win next Sunday. It is not known yet.",
    ),
    ("Why is Peter angry with me?", "I don't know Peter, so I cannot tell you why he is angry."),
)

EXAMPLES_PER_ABSTENTION = 6


def abstention_examples(
    user_id: str, rules: Sequence[Rule], num_examples: int
) -> tuple[TrainingExample, ...]:
    """The abstentions to add to so many examples, rewritten by the rules."""
    made = (synthetic_example(user_id, rules, prompt, reply) for prompt, reply in ABSTENTIONS)
    return tuple(
        islice((each for each in made if each), -(-num_examples // EXAMPLES_PER_ABSTENTION))
    )
