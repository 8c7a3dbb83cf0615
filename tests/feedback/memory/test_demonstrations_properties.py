import random

from hypothesis import given
from hypothesis import strategies as st

from feedback.examples.build import build_examples
from feedback.memory.demonstrations import build_memory, memory_tokens, select_memory, with_memory
from feedback.records import (
    Demonstration,
    ExampleKind,
    Feedback,
    FeedbackStatus,
    Interaction,
    Memory,
    Message,
)
from tests.feedback.strategies import feedback_lists, interactions

NAMES = st.text(alphabet="abcdefgh", min_size=1, max_size=3)
DEMONSTRATIONS = st.builds(
    Demonstration,
    example_id=NAMES,
    question=st.text(max_size=20),
    reply=st.text(max_size=40),
    is_corrected=st.booleans(),
    feedback_at=st.integers(0, 5).map(float),
)
MEMORIES = st.builds(
    Memory,
    demonstrations=st.lists(DEMONSTRATIONS, unique_by=lambda each: each.example_id).map(tuple),
    notes=st.lists(st.text(min_size=1, max_size=60), unique=True).map(tuple),
)
RELEVANCE = st.dictionaries(NAMES, st.sampled_from([0.0, 0.5, 1.0]))
BUDGETS = st.integers(0, 300)
CONVERSATIONS = st.builds(
    lambda has_system, turns: [
        *([Message("system", "Be kind.")] if has_system else []),
        *(Message(("user", "assistant")[i % 2], f"turn {i}") for i in range(2 * turns + 1)),
    ],
    st.booleans(),
    st.integers(0, 3),
)


def count(text: str) -> int:
    return len(text) + 3


def selected(memory: Memory, relevance: dict[str, float], budget: int, limit: int) -> Memory:
    return select_memory(memory, relevance, budget=budget, max_demonstrations=limit, count=count)


@given(MEMORIES, RELEVANCE, BUDGETS, st.integers(0, 4))
def test_a_selection_respects_the_budget_and_the_limit(
    memory: Memory, relevance: dict[str, float], budget: int, limit: int
) -> None:
    found = selected(memory, relevance, budget, limit)
    assert memory_tokens(found, count) <= budget
    assert len(found.demonstrations) <= limit
    assert set(found.demonstrations) <= set(memory.demonstrations)
    assert set(found.notes) <= set(memory.notes)


@given(MEMORIES, RELEVANCE, BUDGETS, st.integers())
def test_the_order_of_the_memory_does_not_matter(
    memory: Memory, relevance: dict[str, float], budget: int, seed: int
) -> None:
    shuffled = list(memory.demonstrations)
    random.Random(seed).shuffle(shuffled)
    again = Memory(tuple(shuffled), memory.notes)
    assert selected(again, relevance, budget, 3) == selected(memory, relevance, budget, 3)


@given(MEMORIES, CONVERSATIONS)
def test_memory_preserves_alternating_roles(memory: Memory, conversation: list[Message]) -> None:
    longer = with_memory(conversation, memory)
    roles = [message.role for message in longer if message.role != "system"]
    assert roles == [("user", "assistant")[i % 2] for i in range(len(roles))]
    assert [each.role for each in longer[1:]].count("system") == 0
    turns = [message for message in conversation if message.role != "system"]
    assert list(longer)[-len(turns) : -1] == turns[:-1]
    assert longer[-1].content.startswith(turns[-1].content)


@given(interactions(), feedback_lists())
def test_the_demonstrations_are_the_single_replies_that_train(
    turns: list[Interaction], feedback: list[Feedback]
) -> None:
    turns = [each for each in turns if each.user_id == "ann"]
    own = [
        each for each in feedback if each.user_id == "ann" and each.status is FeedbackStatus.APPLIED
    ]
    held = {each.example_id: each.reply for each in build_memory(turns, own).demonstrations}
    single = (ExampleKind.SFT, ExampleKind.DESIRABLE)
    assert held == {
        each.id: each.chosen for each in build_examples(turns, own) if each.kind in single
    }
