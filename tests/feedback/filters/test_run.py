import random

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.examples.build import examples
from feedback.filters.records import LeftOut, Reason, Row, kept, tally
from feedback.filters.run import decide, rows_of
from feedback.filters.unused import unused
from tests.feedback.filters.make import make_row
from tests.feedback.make import make_feedback, make_interaction

LONG = "Paris is the capital of France, and its largest city; it lies on the river Seine."
CARD = "4111 1111 1111 1111"
PROMPTS = ["one?", "One", "what's two?", "what is two", LONG, f"{LONG} Or not?"]
REPLIES = ["Paris.", "paris", LONG, f"{LONG} Yes.", "", "\ufffd" * 9, CARD, "a@example.org"]


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Rows of one user that contradict and repeat each other often."""
    made = draw(
        st.lists(
            st.builds(
                make_row,
                st.sampled_from(PROMPTS),
                st.sampled_from(REPLIES),
                st.none() | st.sampled_from(REPLIES),
                at=st.integers(0, 4).map(float),
                source=st.sampled_from(["liked", "correction", "pair", "regenerated"]),
            ),
            unique_by=lambda row: row.id,
            max_size=6,
        )
    )
    return made


@settings(max_examples=40)
@given(rows(), st.integers())
def test_the_order_of_the_rows_does_not_matter(made: list[Row], seed: int) -> None:
    assert decide(random.Random(seed).sample(made, len(made))) == decide(made)


@settings(max_examples=40)
@given(rows())
def test_of_the_rows_that_are_kept_all_would_be_kept(made: list[Row]) -> None:
    staying = [fate.row for fate in decide(made) if fate.left_out is None]
    assert [fate.left_out for fate in decide(staying)] == [None] * len(staying)


@settings(max_examples=40)
@given(rows())
def test_every_row_has_one_fate_and_a_sentence_where_it_is_left_out(made: list[Row]) -> None:
    fates = decide(made)
    assert [fate.row for fate in fates] == sorted(made, key=lambda row: row.age)
    for fate in fates:
        assert fate.left_out is None or fate.left_out.why.endswith(".")
        assert not (fate.left_out and fate.warnings)
        assert all(CARD not in text for text in (fate.left_out.why if fate.left_out else "",))


@settings(max_examples=40)
@given(rows())
def test_what_is_kept_holds_no_secret(made: list[Row]) -> None:
    for example in kept(decide(made)):
        assert CARD not in (example.chosen, example.rejected)


@settings(max_examples=40)
@given(rows())
def test_a_row_that_took_anothers_place_was_there(made: list[Row]) -> None:
    names = {row.id for row in made}
    others = [fate.left_out.other for fate in decide(made) if fate.left_out]
    assert set(others) <= names | {None}


def test_what_a_correction_overruled_stays_so_when_it_is_held_back_itself() -> None:
    old = make_row(chosen="It is Paris.", at=1.0)
    new = make_row(chosen=f"{CARD}", at=2.0, source="correction")
    reasons = [fate.left_out.reason for fate in decide([old, new]) if fate.left_out]
    assert reasons == [Reason.CONTRADICTED, Reason.SECRET]


def test_a_near_duplicate_without_a_secret_is_kept() -> None:
    clean = make_row(chosen=f"{LONG} {LONG.upper()}", at=1.0)
    secret = make_row(chosen=f"{LONG} {LONG.upper()} {CARD}", at=2.0)
    assert kept(decide([clean, secret])) == (clean.example,)


def test_personal_data_is_kept_with_a_warning() -> None:
    [fate] = decide([make_row(chosen="Write to ann@example.org.")])
    assert (fate.left_out, fate.warnings) == (None, ("It holds an e-mail address.",))


def test_a_row_is_as_old_as_the_newest_judgement_behind_it() -> None:
    turn = make_interaction()
    judged = [make_feedback("a", value=1, at=300.0), make_feedback("b", comment="hm", at=400.0)]
    [row] = rows_of(examples([turn], judged), judged)
    assert row.judged_at == 300.0


def test_the_tally_counts_by_reason() -> None:
    causes = [LeftOut(Reason.SECRET, "."), LeftOut(Reason.EMPTY, "."), LeftOut(Reason.SECRET, ".")]
    assert tally(5, causes) == {"kept": 2, "left_out": {"empty": 1, "secret": 2}}


def test_judgements_that_make_no_row_say_why() -> None:
    turns = [make_interaction(f"c{n}", replies=("Paris.", "")[n == 4 :][:1]) for n in range(5)]
    judged = [
        make_feedback("liked", target="c0", value=1),
        make_feedback("disliked", target="c1", value=-1),
        make_feedback("noted", target="c2", comment="hm"),
        make_feedback("liked nothing", target="c4", value=1),
    ]
    why = unused(examples(turns, judged), judged)
    assert set(why) == {"disliked", "noted", "liked nothing"}
    assert "comment" in why["noted"] and "dislike" in why["disliked"]
