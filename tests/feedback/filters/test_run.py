import random

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.examples.build import build_examples
from feedback.filters.records import DatedExample, Rejection, RejectionReason, accepted, tally
from feedback.filters.run import dated, run_filters
from feedback.filters.unused import unused
from tests.feedback.filters.make import make_row
from tests.feedback.make import make_feedback, make_interaction

LONG = "Paris is the capital of France, and its largest city; it lies on the river Seine."
CARD = "4111 1111 1111 1111"
PROMPTS = ["one?", "One", "what's two?", "what is two", LONG, f"{LONG} Or not?"]
REPLIES = ["Paris.", "paris", LONG, f"{LONG} Yes.", "", "\ufffd" * 9, CARD, "a@example.org"]


@st.composite
def dated_examples(draw: st.DrawFn) -> list[DatedExample]:
    """Examples of one user that often contradict and repeat each other."""
    made = draw(
        st.lists(
            st.builds(
                make_row,
                st.sampled_from(PROMPTS),
                st.sampled_from(REPLIES),
                st.none() | st.sampled_from(REPLIES),
                at=st.integers(0, 4).map(float),
                source=st.sampled_from(["liked", "correction", "preference", "regenerated"]),
            ),
            unique_by=lambda each: each.id,
            max_size=6,
        )
    )
    return made


@settings(max_examples=40)
@given(dated_examples(), st.integers())
def test_the_order_of_the_input_does_not_matter(made: list[DatedExample], seed: int) -> None:
    assert run_filters(random.Random(seed).sample(made, len(made))) == run_filters(made)


@settings(max_examples=40)
@given(dated_examples())
def test_filtering_the_accepted_examples_again_rejects_none(made: list[DatedExample]) -> None:
    left = [result.dated for result in run_filters(made) if result.rejection is None]
    assert [result.rejection for result in run_filters(left)] == [None] * len(left)


@settings(max_examples=40)
@given(dated_examples())
def test_every_example_has_one_result_and_every_rejection_a_sentence(
    made: list[DatedExample],
) -> None:
    results = run_filters(made)
    assert [result.dated for result in results] == sorted(made, key=lambda each: each.age)
    for result in results:
        assert result.rejection is None or result.rejection.why.endswith(".")
        assert not (result.rejection and result.warnings)
        assert all(CARD not in text for text in (result.rejection.why if result.rejection else "",))


@settings(max_examples=40)
@given(dated_examples())
def test_no_accepted_example_has_a_secret(made: list[DatedExample]) -> None:
    for example in accepted(run_filters(made)):
        assert CARD not in (example.chosen, example.rejected)


@settings(max_examples=40)
@given(dated_examples())
def test_the_replacement_of_a_rejected_example_exists(made: list[DatedExample]) -> None:
    names = {item.id for item in made}
    others = [result.rejection.other for result in run_filters(made) if result.rejection]
    assert set(others) <= names | {None}


def test_an_overruled_example_stays_rejected_if_the_newer_one_is_rejected_too() -> None:
    old = make_row(chosen="It is Paris.", at=1.0)
    new = make_row(chosen=f"{CARD}", at=2.0, source="correction")
    reasons = [result.rejection.reason for result in run_filters([old, new]) if result.rejection]
    assert reasons == [RejectionReason.CONTRADICTED, RejectionReason.SECRET]


def test_a_near_duplicate_without_a_secret_is_accepted() -> None:
    clean = make_row(chosen=f"{LONG} {LONG.upper()}", at=1.0)
    secret = make_row(chosen=f"{LONG} {LONG.upper()} {CARD}", at=2.0)
    assert accepted(run_filters([clean, secret])) == (clean.example,)


def test_personal_data_is_accepted_with_a_warning() -> None:
    [result] = run_filters([make_row(chosen="Write to ann@example.org.")])
    assert (result.rejection, result.warnings) == (None, ("It holds an e-mail address.",))


def test_an_example_has_the_time_of_the_newest_feedback_behind_it() -> None:
    turn = make_interaction()
    feedback = [make_feedback("a", value=1, at=300.0), make_feedback("b", comment="hm", at=400.0)]
    [each] = dated(build_examples([turn], feedback), feedback)
    assert each.feedback_at == 300.0


def test_the_tally_counts_by_reason() -> None:
    rejections = [
        Rejection(RejectionReason.SECRET, "."),
        Rejection(RejectionReason.EMPTY, "."),
        Rejection(RejectionReason.SECRET, "."),
    ]
    assert tally(5, rejections) == {"accepted": 2, "rejected": {"empty": 1, "secret": 2}}


def test_feedback_that_makes_no_example_is_explained() -> None:
    turns = [make_interaction(f"c{n}", replies=("Paris.", "")[n == 4 :][:1]) for n in range(5)]
    feedback = [
        make_feedback("liked", target="c0", value=1),
        make_feedback("disliked", target="c1", value=-1),
        make_feedback("noted", target="c2", comment="hm"),
        make_feedback("liked nothing", target="c4", value=1),
    ]
    why = unused(build_examples(turns, feedback), feedback)
    assert set(why) == {"disliked", "noted", "liked nothing"}
    assert "comment" in why["noted"] and "dislike" in why["disliked"]
