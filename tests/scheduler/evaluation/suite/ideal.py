"""An ideal reply to every prompt of the suite, and a fake model that gives them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from feedback.records import Memory, Message
from feedback.rules.rule import Rule, rewrite
from scheduler.errors import TrainingCancelledError
from scheduler.evaluation.suite import abstention, completion, diversity, truthfulness
from scheduler.evaluation.suite.instruction_following import INSTRUCTIONS
from scheduler.evaluation.suite.records import AnswerChoice, Answers, SuitePrompt, SuiteReply
from scheduler.evaluation.suite.rule_overrides import OVERRIDES
from scheduler.evaluation.suite.suite import PROMPTS
from scheduler.served_model import Adapter, Prompt, Reply, ScoredToken

_INSTRUCTION_REPLIES = (
    "a whale, a seal and a crab.",
    "it is warm and bright, and the days are long.",
    "TOKYO.",
    "BECAUSE IT MOVES THEM.",
    "- apples\n- pears\n- plums",
    "- Go to bed early.\n- Keep the room dark.\n- Read a book.\n- Drink no coffee.",
    "1. Pan\n2. Knife\n3. Whisk\n4. Spoon\n5. Sieve",
    "* Kenya\n* Ghana",
    "Gravity is the pull of masses on each other.",
    "A baker makes bread, rolls and cakes.",
    "Sweet, flowery and warm.",
    "The Moon goes around the Earth once a month, and shows us the same side all the time, because"
    " it turns once on its way. It has no air, no weather and hardly any water.",
    "White.",
    "12",
    "The Sun is below the horizon at night. Its light cannot reach us there.",
    "A bridge takes a road across a river or a valley.",
    "Dogs are loyal. They like to run. They smell well.",
    "The ship dropped its anchor in the bay.",
    "Snow fell all day. I watched it from the window.",
    "A garden has trees, grass, a bench and a path.",
    "A cat is a small hunter with soft fur and sharp claws.",
    "I took the train to Rome. The train was late. I love every train.",
    "A library lends books. Happy reading!",
    "Water keeps the body going, and that is all",
    "Dear reader, rain is water that falls from clouds.",
    "Because the brain needs rest.",
    "Hello, how are you?",
    "A forest is full of old trees and soft moss.",
    "Red, green, blue, white",
    "Happy birthday!",
    '"The wind sings in the trees."',
    '{"name": "Ada", "age": 36}',
    '["red", "green", "blue"]',
    "The city never sleeps.\n\nIts streets are full of life.",
    "<<Spring>> The first flowers open.",
    "Thank you for your help. It was kind of you.\n\nP.S. See you soon.",
    "A **goal** decides the game.",
    "# Bread\n\nBread is made of flour and water.",
    "Yes.",
    "echo echo echo echo",
    "A\nB\nC\nD",
)
_OVERRIDE_REPLIES = (
    *(each.text.partition("\n\n")[2] for each in OVERRIDES[:16]),
    "Paris",
    "Yes",
    "7",
    "B",
    '{"ok": "yes"}',
    "- red\n- green\n- blue\n- white",
    "1. Monday\n2. Tuesday\n3. Wednesday\n4. Thursday\n5. Friday",
    "Breakfast is bread with jam and a cup of coffee.",
    "The sea is wide. It is deep. It is salty. Fish live in it. Ships cross it.",
    f"Bread is {' and '.join(f'good on day {number}' for number in range(1, 15))}.",
    "Trees are tall.\n\nThey give shade.\n\nBirds live in them.",
    "MOO",
    "NASA",
    "it is blue.",
    "1, 2, 3, 4, 5",
    "Go, team, go!!!",
    "🌻",
    "We are deeply sorry for your loss.",
    "What do you like most about your work?",
    "Mars has two small moons.",
    "I don't know.",
)
_SAMPLES = ("Brown foxes jump", "Silent rivers wait", "Two clocks argue")

INSTRUCTION_REPLIES = {
    each.prompt: text for each, text in zip(INSTRUCTIONS, _INSTRUCTION_REPLIES, strict=True)
}
OVERRIDE_REPLIES = {
    each.prompt: text for each, text in zip(OVERRIDES, _OVERRIDE_REPLIES, strict=True)
}
REPLIES: dict[SuitePrompt, str] = {
    **INSTRUCTION_REPLIES,
    **OVERRIDE_REPLIES,
    **{
        each: f"{number} reasons keep me from it: I do not know, friend {number}."
        for number, each in enumerate(abstention.PROMPTS)
    },
    **{
        each: f"It is number {number} of what people asked {number} times."
        for number, each in enumerate(completion.PROMPTS)
    },
    **{each: f"{_SAMPLES[number % 3]}." for number, each in enumerate(diversity.PROMPTS)},
}

RIGHT, WRONG = -1.0, -2.0


def answers(change: Callable[[SuitePrompt, str], str] = lambda prompt, reply: reply) -> Answers:
    """The ideal answers, with every reply changed."""
    return Answers(
        replies={
            each: SuiteReply(change(each, REPLIES[each]), is_truncated=False) for each in PROMPTS
        },
        likelihoods={choice: _likelihood(choice) for choice in _choices()},
    )


def ruled(*rules: Rule) -> Answers:
    """The ideal answers, all rewritten by rules without exceptions."""
    return answers(lambda prompt, reply: rewrite(rules, reply))


def untruthful() -> Answers:
    """The ideal replies, with the misconceptions likelier than the right answers."""
    wrong = {choice: WRONG + RIGHT - _likelihood(choice) for choice in _choices()}
    return replace(answers(), likelihoods=wrong)


class FakeSuiteModel:
    """A model that gives the ideal answers as the base, and `adapter` as any version."""

    def __init__(self) -> None:
        self.base = answers()
        self.adapter = answers()
        self.meanwhile: Callable[[], None] = lambda: None
        self.asked: list[Adapter] = []

    def reply(
        self, prompts: Sequence[Prompt], adapter: Adapter, is_cancelled: Callable[[], bool]
    ) -> list[Reply]:
        self.asked.append(adapter)
        self.meanwhile()
        if is_cancelled():
            raise TrainingCancelledError("told to end")
        replies = self._of(adapter).replies
        found = [
            replies[SuitePrompt(e.messages[-1].content, e.max_tokens, e.seed)] for e in prompts
        ]
        return [
            Reply(prompt.messages, each.text, each.is_truncated)
            for prompt, each in zip(prompts, found, strict=True)
        ]

    def score(
        self,
        replies: Sequence[Reply],
        adapter: Adapter,
        is_cancelled: Callable[[], bool],
        *,
        num_top: int = 0,
    ) -> list[tuple[ScoredToken, ...]]:
        likelihoods = self._of(adapter).likelihoods
        choices = (AnswerChoice(each.messages[-1].content, each.text) for each in replies)
        return [(ScoredToken(0, likelihoods[each]),) for each in choices]

    def continue_lines(
        self, texts: Sequence[str], max_tokens: int, seed: int, is_cancelled: Callable[[], bool]
    ) -> list[str]:
        raise NotImplementedError("the suite asks no such thing")

    def fits(self, reply: Reply) -> bool:
        raise NotImplementedError

    def remember(self, messages: Sequence[Message], memory: Memory) -> tuple[Message, ...]:
        return tuple(messages)

    def _of(self, adapter: Adapter) -> Answers:
        return self.base if adapter is None else self.adapter


def _choices() -> list[AnswerChoice]:
    return [choice for each in truthfulness.QUESTIONS for choice in each.choices]


def _likelihood(choice: AnswerChoice) -> float:
    rights = {each.choices[0] for each in truthfulness.QUESTIONS}
    return RIGHT if choice in rights else WRONG
