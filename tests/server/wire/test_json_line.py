import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.wire.json_line import json_line

LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_no_end_of_a_line_is_left_raw(end: str) -> None:
    data = {f"a{end}b": [f"c{end}{end}d\\{end}"]}
    (line,) = json_line(data).splitlines()
    assert json.loads(line) == data


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    assert json.loads(json_line(text)) == text


def test_other_scripts_are_left_readable() -> None:
    assert json_line({"text": "é 你好"}) == '{"text":"é 你好"}'
