import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.accounts.display_name import MAX_DISPLAY_NAME_LENGTH, display_name


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("Ann Lee", "Ann Lee"),
        ("Ann%20Lee", "Ann Lee"),
        ("%E5%B1%B1%E7%94%B0", "山田"),
        ("b64:" + base64.b64encode("山田".encode()).decode(), "山田"),
        ("b64:not base64", "b64:not base64"),
        ("  Ann%0ALee\x00 ", "Ann Lee"),
        ("", None),
        ("%20", None),
        ("{{USER_NAME}}", None),
    ],
)
def test_a_name_is_read_as_the_frontends_send_it(sent: str, expected: str | None) -> None:
    assert display_name(sent) == expected


@given(st.text(max_size=5000))
def test_any_name_is_short_and_printable(sent: str) -> None:
    name = display_name(sent)
    assert name is None or (name.isprintable() and 0 < len(name) <= MAX_DISPLAY_NAME_LENGTH)
