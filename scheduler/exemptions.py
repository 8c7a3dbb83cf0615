"""What a fit is shown of its limits: prompts that rule habits out, and questions without an answer.

The regression suite measures the same with other prompts.
"""

from collections.abc import Sequence

from feedback.edits.emoji import EMOJI
from feedback.edits.rule import Rule
from feedback.exemptions import Exemption, exempt_examples
from feedback.practice import practice_examples
from feedback.records import TrainingExample
from scheduler.regression.checks import (
    contains,
    every,
    has_items,
    has_no_items,
    has_paragraphs,
    has_sentences,
    has_words,
    is_exactly,
    is_json,
    is_lower,
    is_upper,
    lacks,
    matches,
)

EXEMPTIONS = (
    Exemption("Is water wet? Just say yes or no.", "Yes.", matches(r"(?i)yes\.?")),
    Exemption("Which animal barks? Use capital letters only.", "A DOG BARKS.", is_upper),
    Exemption("Which animal barks? Use small letters only.", "a dog barks.", is_lower),
    Exemption(
        "Tell me about rain in running text. I do not want a list.",
        "Rain is water that falls from the clouds. It fills the rivers, and the fields need it.",
        has_no_items,
    ),
    Exemption(
        "List three fruits with hyphens, each on a line of its own.",
        "- apples\n- pears\n- plums",
        has_items(3, "-"),
    ),
    Exemption(
        "Write six sentences or more about a dog called Rex.",
        "Rex is a brown dog. He lives on a farm. In the morning he wakes the hens. Then he runs to"
        " the river. At noon he sleeps in the shade. Everybody there loves Rex.",
        has_sentences(6, 99),
    ),
    Exemption("Put commas between these: tea milk bread.", "tea, milk, bread", contains(",", 2)),
    Exemption(
        "Write a sad sentence about winter, and no exclamation mark.",
        "The garden lies silent under the snow.",
        lacks("!"),
    ),
    Exemption("Greet me with an exclamation mark.", "Good morning!", contains("!")),
    Exemption(
        "In plain text, not as JSON: who wrote Hamlet?",
        "William Shakespeare wrote Hamlet.",
        lacks(r"[{}]"),
    ),
    Exemption('Give me the JSON {"a": 1}, nothing more.', '{"a": 1}', is_json(lambda v: True)),
    Exemption(
        "Repeat this word for word: The Nile flows through Egypt.",
        "The Nile flows through Egypt.",
        is_exactly("The Nile flows through Egypt."),
    ),
    Exemption("What is the capital of Italy? One word, no more.", "Rome", matches(r"(?i)rome\.?")),
    Exemption("Shout the word fire, all in capitals.", "FIRE", is_upper),
    Exemption(
        "Write this in small letters: MEET ME AT NINE",
        "meet me at nine",
        matches(r"meet me at nine\.?"),
    ),
    Exemption(
        "Tell me what a chair is. Please no bullet points.",
        "A chair is a seat for one person. It has legs, and a back to lean on.",
        every(has_no_items, has_words(5, 99)),
    ),
    Exemption(
        "Number the steps of making toast, 1. to 3.",
        "1. Cut the bread.\n2. Toast it.\n3. Butter it.",
        has_items(3, r"\d\."),
    ),
    Exemption(
        "Write two paragraphs about tea, with a blank line between them.",
        "Tea is made from the leaves of a bush. It grows in warm and rainy hills.\n\nPeople all"
        " over the world drink it. Some take it with milk, others with lemon.",
        has_paragraphs(2),
    ),
    Exemption("How much is 2 plus 5? Just the digit.", "7", matches(r"7\.?")),
    Exemption(
        "Write this title with its capitals: pride and prejudice",
        "Pride and Prejudice",
        matches(r"Pride and Prejudice\.?"),
    ),
    Exemption(
        "Write a line of sympathy for a widow. No emoji, please.",
        "I am so sorry for your loss.",
        lacks(EMOJI),
    ),
    Exemption("Congratulate me with one emoji and nothing else.", "🎉", matches(EMOJI)),
    Exemption(
        "Tell me a fact about iron. Do not ask me anything.",
        "Iron rusts when it is wet.",
        lacks(r"\?"),
    ),
    Exemption(
        "Ask me a question about my holiday and say nothing else.",
        "Where did you go on your holiday?",
        matches(r"[^.!?]+\?"),
    ),
    Exemption(
        "Say what a library is in thirty words or more.",
        "A library is a place where books are kept so that everybody can read them. You can take"
        " some of them home for a few weeks, and others can only be read there.",
        has_words(30, 999),
    ),
    Exemption(
        "Answer without any markup or headings: what is snow?",
        "Snow is frozen water that falls from the clouds.",
        lacks(r"[#*]"),
    ),
    Exemption("Write twelve in digits, nothing else.", "12", matches(r"12\.?")),
    Exemption("Write 9 as a word, nothing else.", "nine", matches(r"(?i)nine\.?")),
    Exemption(
        "Use an apostrophe, and write nothing else: it is late",
        "It's late.",
        matches(r"(?i)it['’]s late\.?"),
    ),
    Exemption(
        "Type this as it is: See you at 8, John!",
        "See you at 8, John!",
        is_exactly("See you at 8, John!"),
    ),
)

_BY_PROMPT = {each.prompt: each for each in EXEMPTIONS}

ADMISSIONS = (
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
"""Questions that cannot be answered from where the model is, and what to say."""

ROWS_PER_LIMIT = 2
"""A third of what is fitted shows a limit, until all exemptions and admissions are in it."""


def untaught_exemptions(
    user_id: str, rules: Sequence[Rule], taught: Sequence[TrainingExample]
) -> tuple[TrainingExample, ...]:
    """All exemptions from one of the rules whose prompts are not taught yet."""
    known = {each.prompt[-1].content for each in taught}
    exempt = exempt_examples(user_id, rules, EXEMPTIONS, len(EXEMPTIONS))
    return tuple(each for each in exempt if each.prompt[-1].content not in known)


def is_heeded(exempt: TrainingExample, reply: str) -> bool:
    """Whether a reply does what the prompt of an exemption says."""
    [prompt] = exempt.prompt
    return _BY_PROMPT[prompt.content].is_heeded(reply.strip())


def limiting_examples(
    user_id: str, rules: Sequence[Rule], rows: int
) -> tuple[TrainingExample, ...]:
    """What is shown beside so many rows: two exemptions for each admission of ignorance."""
    count = rows // ROWS_PER_LIMIT
    admissions = practice_examples(user_id, rules, ADMISSIONS, -(-count // 3))
    return exempt_examples(user_id, rules, EXEMPTIONS, count - len(admissions)) + admissions
