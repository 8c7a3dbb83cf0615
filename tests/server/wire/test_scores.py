import pytest

from feedback.errors import InvalidFeedbackError
from server.wire.scores import rating_of, tag_and_text


@pytest.mark.parametrize(
    ("value", "data_type", "expected"),
    [
        (1, "BOOLEAN", 1),
        (0, "BOOLEAN", -1),
        (1.0, "BOOLEAN", 1),
        (True, None, 1),
        (False, None, -1),
        ("thumbsUp", "CATEGORICAL", 1),
        ("thumbs_down", None, -1),
    ],
)
def test_a_clear_rating_is_read(
    value: bool | float | str, data_type: str | None, expected: int
) -> None:
    assert rating_of(value, data_type) == expected


@pytest.mark.parametrize(
    ("value", "data_type"),
    [(1, "NUMERIC"), (1, None), (-1, "BOOLEAN"), ("1", "BOOLEAN"), ("good-ish", "CATEGORICAL")],
)
def test_a_number_on_an_unknown_scale_is_no_rating(
    value: float | str, data_type: str | None
) -> None:
    with pytest.raises(InvalidFeedbackError, match="BOOLEAN 1 or 0"):
        rating_of(value, data_type)


@pytest.mark.parametrize(
    ("comment", "tag", "expected"),
    [
        ("bad_style — too long — really", "bad_style", ("bad_style", "too long — really")),
        ("bad_style - too long", None, ("bad_style", "too long")),
        ("own_tag — too long", "own_tag", ("own_tag", "too long")),
        ("not_helpful", None, ("not_helpful", "")),
        ("too long — really", None, ("", "too long — really")),
        ("bad_style-guide", None, ("", "bad_style-guide")),
        ("", None, ("", "")),
    ],
)
def test_a_comment_is_split_after_a_known_tag(
    comment: str, tag: str | None, expected: tuple[str, str]
) -> None:
    assert tag_and_text(comment, tag) == expected
