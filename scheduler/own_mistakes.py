"""What a fitted adapter still gets wrong, by the user's rules, and how it should have been.

The base's replies, changed by the rules, show where the base must be left; not where the adapter
goes wrong once it has left it. So its own replies to other prompts are corrected in turn, and join
the fit (DAgger, Ross et al. 2011, arXiv 1011.0686).
"""

from collections.abc import Sequence

from adapters_store.base_model import BaseModel
from adapters_store.lora import AdapterPool
from feedback.edits.rule import Rule
from feedback.practice import practice_examples
from feedback.records import Message, TrainingExample
from scheduler.own_replies import greedy_replies
from scheduler.reply_faults import is_repetitive

REPLY_TOKENS = 96
UNREPEATED_TOKENS = 8
"""As the engine does, if in a coarser way: a loop would be no reply to correct."""
TRIED_PROMPTS = (
    "How does a refrigerator keep food cold?",
    "Suggest a name for a blog about hiking in Scotland.",
    "Write a thank-you note to a teacher called Mrs. Brown.",
    "What is the difference between a lake and a pond?",
    "Give me tips for a job interview.",
    "Tell me a story about a robot that learns to paint.",
    "Why do leaves change colour in autumn?",
    "How can I learn Spanish quickly?",
    "Describe the city of Paris in spring.",
    "What should I do if I lose my passport in Rome?",
    "Explain what inflation is.",
    "Who was Isaac Newton?",
    "Compare trains and planes for a trip across Europe.",
    "Write a short review of an Italian restaurant.",
    "My neighbour is noisy at night. How should I talk to him?",
    "Recommend three things to do in London with children.",
    "Write a poem about the moon.",
    "What are the benefits of drinking water?",
    "How do I change a flat tyre?",
    "Explain to a child how volcanoes work.",
    "Write a product description for a wooden chair.",
    "What happened to the Titanic?",
    "Give me a recipe for pancakes.",
    "How does the internet work?",
)


def own_mistakes(
    base: BaseModel, pool: AdapterPool, slot: int, rules: Sequence[Rule], user_id: str, prompts: int
) -> tuple[TrainingExample, ...]:
    """The slot's replies to the first so many `TRIED_PROMPTS` that break a rule, corrected.

    Replies that loop are left out: nobody would want them, whatever the rules make of them.
    """
    tried = TRIED_PROMPTS[:prompts] if rules else ()
    if not tried:
        return ()
    turns = [[Message("user", prompt)] for prompt in tried]
    replies = greedy_replies(base, pool, slot, turns, REPLY_TOKENS, unrepeated=UNREPEATED_TOKENS)
    sound = [
        (prompt, reply)
        for prompt, reply in zip(tried, replies, strict=True)
        if not is_repetitive(reply)
    ]
    return practice_examples(user_id, rules, sound, len(sound))
