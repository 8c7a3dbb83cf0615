import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.conversation import classify, conversation_id, is_temporary
from feedback.records import InteractionKind, Message

OPENING = (Message("system", "Be brief."), Message("user", "Hello"))
LATER = (*OPENING, Message("assistant", "Hi!"), Message("user", "How are you?"))
TITLE = (
    "Provide a concise, 5-word-or-less title for the conversation, using title case conventions."
)
STRUCTURED_TITLE = "A concise title in the detected language (5 words or less, no punctuation)"


def kind_of(
    text: str = "Hello",
    *,
    task: str | None = None,
    chat_id: str | None = None,
    is_streamed: bool = False,
    before: tuple[Message, ...] = (),
) -> InteractionKind:
    return classify(
        (*before, Message("user", text)),
        task=task,
        chat_id=chat_id,
        is_streamed=is_streamed,
    )


def test_every_turn_of_a_chat_has_the_same_conversation_id() -> None:
    assert conversation_id("ann", "chat-1", OPENING) == conversation_id("ann", "chat-1", LATER)
    assert conversation_id("ann", None, OPENING) == conversation_id("ann", None, LATER)


def test_different_openings_are_different_conversations_without_a_chat_id() -> None:
    other = (OPENING[0], Message("user", "Goodbye"))
    assert conversation_id("ann", None, OPENING) != conversation_id("ann", None, other)
    assert conversation_id("ann", None, OPENING) != conversation_id("ann", None, OPENING[1:])


@given(st.text(), st.text(), st.text(), st.text())
def test_no_two_users_or_chats_share_a_conversation(a: str, b: str, c: str, d: str) -> None:
    is_same = conversation_id(a, b or None, OPENING) == conversation_id(c, d or None, OPENING)
    assert is_same == ((a, b) == (c, d))


def test_a_plain_request_is_chat_whether_streamed_or_not() -> None:
    assert kind_of(is_streamed=True) is InteractionKind.CHAT
    assert kind_of(is_streamed=False) is InteractionKind.CHAT


def test_a_request_with_a_task_is_background() -> None:
    kind = kind_of(task="title_generation", is_streamed=True)
    assert kind is InteractionKind.BACKGROUND


def test_a_channel_is_background_because_several_people_speak() -> None:
    assert kind_of(chat_id="channel:7", is_streamed=True) is InteractionKind.BACKGROUND


@pytest.mark.parametrize("text", ["### Task:\nGenerate 1-3 tags", TITLE, STRUCTURED_TITLE])
def test_a_background_request_is_recognised_by_its_text(text: str) -> None:
    assert kind_of(text) is InteractionKind.BACKGROUND
    assert kind_of(text, chat_id="chat-1") is InteractionKind.BACKGROUND


@pytest.mark.parametrize("text", ["### Task:\nGenerate 1-3 tags", TITLE])
def test_the_text_of_a_streamed_or_longer_chat_does_not_make_it_background(text: str) -> None:
    assert kind_of(text, is_streamed=True) is InteractionKind.CHAT
    assert kind_of(text, before=LATER) is InteractionKind.CHAT


def test_a_request_that_the_frontend_calls_no_task_is_chat() -> None:
    assert kind_of("### Task:\nTranslate this", task="") is InteractionKind.CHAT


def test_a_request_without_messages_is_chat() -> None:
    kind = classify((), task=None, chat_id=None, is_streamed=False)
    assert kind is InteractionKind.CHAT


@pytest.mark.parametrize(
    ("chat_id", "expected"),
    [("temporary:1", True), ("local:1", True), ("chat-local:1", False), ("", False), (None, False)],
)
def test_temporary_chats_are_recognised_by_their_id(chat_id: str | None, expected: bool) -> None:
    assert is_temporary(chat_id) is expected
