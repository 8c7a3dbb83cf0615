"""Random histories: a few prompts, replies and feedback, small enough to collide often."""

from hypothesis import strategies as st

from feedback.records import (
    ExampleKind,
    ExampleSource,
    Feedback,
    FeedbackStatus,
    Interaction,
    InteractionKind,
    InteractionStatus,
    Message,
    TrainingExample,
)
from tests.feedback.make import make_interaction

USERS = st.sampled_from(["ann", "bob"])
IDS = [f"c{number}" for number in range(6)]
TEXTS = st.sampled_from(["Paris.", "paris.", "Lyon.", "I do not know.", ""])
TIMES = st.integers(0, 5).map(float)


@st.composite
def interactions(draw: st.DrawFn) -> list[Interaction]:
    ids = draw(st.lists(st.sampled_from(IDS), unique=True))
    return [
        make_interaction(
            each,
            draw(USERS),
            conversation_id=draw(st.sampled_from("ABC")),
            messages=(Message("user", draw(st.sampled_from(["one?", "two?"]))),),
            replies=(draw(TEXTS),),
            created_at=draw(TIMES),
            kind=draw(st.sampled_from([InteractionKind.CHAT] * 4 + [InteractionKind.BACKGROUND])),
            status=draw(st.sampled_from([InteractionStatus.COMPLETE] * 4 + [*InteractionStatus])),
        )
        for each in ids
    ]


QUESTIONS = st.text(alphabet="0123456789abcdef", min_size=4, max_size=4)


def feedback_lists() -> st.SearchStrategy[list[Feedback]]:
    items = st.builds(
        Feedback,
        id=st.sampled_from([f"f{number}" for number in range(8)]),
        user_id=USERS,
        completion_id=st.sampled_from(IDS),
        created_at=TIMES,
        updated_at=TIMES,
        value=st.sampled_from([None, 1, -1]),
        correction=st.none() | TEXTS,
        preferred_over=st.none() | st.sampled_from(IDS),
        comment=st.none() | TEXTS,
        status=st.sampled_from([FeedbackStatus.APPLIED] * 4 + [FeedbackStatus.PENDING]),
    )
    return st.lists(items, unique_by=lambda each: (each.user_id, each.id))


def training_examples(user_id: str = "ann") -> st.SearchStrategy[list[TrainingExample]]:
    examples = st.builds(
        TrainingExample,
        user_id=st.just(user_id),
        kind=st.just(ExampleKind.SFT),
        messages=QUESTIONS.map(lambda text: (Message("user", text),)),
        chosen=TEXTS,
        rejected=st.none(),
        source=st.just(ExampleSource.LIKED),
        conversation_id=st.sampled_from([f"conversation-{number}" for number in range(12)]),
        interaction_ids=st.just(("c1",)),
        feedback_ids=st.just(("f1",)),
        created_at=TIMES,
    )
    return st.lists(examples, unique_by=lambda each: each.id)
