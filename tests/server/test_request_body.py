import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import RequestError
from server.request_body import MAX_DEPTH, parse_json


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    ],
    ids=lambda raw: raw[:20].decode("latin-1"),
)
def test_what_is_not_strict_json_is_a_bad_request(raw: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        parse_json(raw)
    assert refused.value.status_code == 400


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse_json(b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_ordinary_json_is_read_as_it_was_written(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(("text", "kind"), [(b"8.0", int), (b"8e0", int), (b"0.5", float)])
def test_a_whole_number_is_an_integer_however_it_is_written(text: bytes, kind: type) -> None:
    assert type(parse_json(text)) is kind
