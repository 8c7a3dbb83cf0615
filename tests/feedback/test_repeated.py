from typing import Any

import pytest

from feedback.repeated import repeated, says_the_same
from tests.feedback.make import make_feedback


@pytest.mark.parametrize(
    ("given", "said", "is_repeated"),
    [
        ([], {"value": 1}, False),
        ([{"value": 1}], {"value": 1}, True),
        ([{"value": -1}], {"value": 1}, False),
        ([{"value": 1}, {"value": -1}], {"value": 1}, False),
        ([{"value": 1}, {"comment": "Why?"}], {"value": 1}, True),
        ([{"value": 1, "comment": "Good."}], {"value": 1}, True),
        ([{"value": 1}], {"value": 1, "comment": "Good."}, False),
        ([{"correction": "Oslo."}], {"correction": "Oslo."}, True),
        ([{"correction": "Oslo."}], {"correction": "Rome."}, False),
    ],
)
def test_the_newest_with_one_of_the_same_fields_is_what_counts(
    given: list[dict[str, Any]], said: dict[str, Any], is_repeated: bool
) -> None:
    earlier = [make_feedback(f"f{i}", at=float(i), **fields) for i, fields in enumerate(given)]
    found = repeated(make_feedback("new", at=9.0, **said), earlier)
    assert (found is not None) == is_repeated


def test_less_than_before_is_not_the_same() -> None:
    more = make_feedback(value=1, comment="Good.")
    assert says_the_same(more, make_feedback("other", value=1, comment="Good.", at=9.0))
    assert not says_the_same(more, make_feedback(value=1))
    assert not says_the_same(more, make_feedback(target="another", value=1, comment="Good."))
