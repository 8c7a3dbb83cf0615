import pytest

from server.wire.reply_ids import (
    StoredItem,
    call_item_id,
    completion_id,
    message_id,
    reasoning_id,
    response_id,
    stored_item,
)

HEX = "0193" * 8
COMPLETION = f"chatcmpl-{HEX}"


def test_a_response_and_its_completion_name_each_other() -> None:
    assert response_id(COMPLETION) == f"resp_{HEX}"
    assert completion_id(response_id(COMPLETION)) == COMPLETION


@pytest.mark.parametrize(
    "name", [COMPLETION, "resp_", f"resp_{HEX}ff", f"resp_{HEX.upper()}x", "message-1"]
)
def test_any_other_name_stays(name: str) -> None:
    assert completion_id(name) == name


def test_an_item_says_where_it_is_stored() -> None:
    assert stored_item(message_id(COMPLETION)) == StoredItem(COMPLETION)
    assert stored_item(reasoning_id(COMPLETION)) == StoredItem(COMPLETION, is_reasoning=True)
    assert stored_item(call_item_id(COMPLETION, 2)) == StoredItem(COMPLETION, call=2)


@pytest.mark.parametrize("name", [f"msg_{HEX}_1", f"fc_{HEX}", f"rs_{HEX}_0", "msg_1", "", HEX])
def test_an_id_that_no_item_has_is_unknown(name: str) -> None:
    assert stored_item(name) is None
