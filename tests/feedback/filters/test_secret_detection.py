import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.filters.pii import warnings
from feedback.filters.secret_detection import rejections
from feedback.records import Message
from feedback.text.secret_scan import mask_secrets, secrets_in
from tests.feedback.filters.make import make_row

LETTERS = "a1B2c3D4e5F6g7H8i9J0"
# Concatenated, so that no scanner reports this file as a leak.
SECRETS = {
    "an API key or access token": [
        "AKIA" + "Q3EGVXAMPEQWERTZ"[:16],
        "ghp" + "_" + LETTERS * 2,
        "sk-" + "proj-" + LETTERS * 2,
        "xoxb" + "-1234567890-abcdef",
        "AIza" + "Sy" + LETTERS + "abcdefghijklm",
        "lk-" + LETTERS * 2,
        ".".join(["eyJ" + LETTERS] * 2 + [LETTERS]),
    ],
    "a private key": ["-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END"],
    "a password in an address": ["postgres://admin:" + "hunter2@db.local/orders"],
    "a password or key in code": ['password = "' + 'tr0ub4dor&3"', "api_key: '" + LETTERS + "'"],
    "a card number": ["4111 1111 1111 1111", "5500-0000-0000-0004"],
}
CASES = [(name, text) for name, texts in SECRETS.items() for text in texts]
HARMLESS = [
    "Keep the secret: the token of a private key is a password.",
    "api_key = os.environ['API_KEY']",
    'password = "your-password-1"',
    "postgres://user:password@localhost/orders",
    "Visit https://example.org:8080/a@b",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "Order 4111 1111 1111 1112",
    "It has 12345678901234567890 grains.",
    "task-with-a-name-that-is-quite-long-indeed",
]


@pytest.mark.parametrize(("name", "secret"), CASES)
def test_an_example_with_a_secret_is_rejected(name: str, secret: str) -> None:
    item = make_row(chosen=f"Use this: {secret}\n")
    [rejection] = rejections([item]).values()
    assert (rejection.reason, rejection.why) == ("secret", f"It holds {name}.")


@pytest.mark.parametrize(("name", "secret"), CASES)
def test_a_secret_is_masked_with_dots(name: str, secret: str) -> None:
    shown = mask_secrets(f"before {secret}")
    assert shown.startswith("before ") and "•••" in shown
    assert list(secrets_in(shown)) == []


def test_letters_without_spaces_hide_neither_a_secret_nor_an_address() -> None:
    secret = "地址postgres://admin:" + "hunter2@db.local/orders"
    assert [name for name, _, _ in secrets_in(secret)] == ["a password in an address"]
    for text, thing in (
        ("请写信给ann@example.org谢谢", "an e-mail address"),
        ("电话+86 138 1234 5678。", "a phone number"),
    ):
        assert warnings(make_row(chosen=text).example) == (f"It holds {thing}.",)


@pytest.mark.parametrize("text", HARMLESS)
def test_text_that_only_looks_like_a_secret_is_accepted(text: str) -> None:
    assert rejections([make_row(chosen=text)]) == {}
    assert mask_secrets(text) == text


def test_secrets_are_found_in_every_turn_and_in_the_rejected_reply() -> None:
    secret = "ghp" + "_" + LETTERS * 2
    turns = (Message("system", secret), Message("user", "Hello"))
    items = [make_row(turns), make_row("Hi", "Hello.", rejected=secret)]
    assert set(rejections(items)) == {item.id for item in items}


def test_a_correction_that_removes_a_secret_is_accepted() -> None:
    item = make_row(chosen="Use your key.", source="correction", revised_from="4111111111111111")
    assert rejections([item]) == {}


@given(st.lists(st.sampled_from([text for _, text in CASES] + HARMLESS)))
def test_masking_is_idempotent(texts: list[str]) -> None:
    once = mask_secrets(" , ".join(texts))
    assert mask_secrets(once) == once


@pytest.mark.parametrize("text", ["write to ann.b@mail.example.org", "<ann@example.org>"])
def test_an_email_address_makes_a_warning(text: str) -> None:
    assert warnings(make_row(chosen=text).example) == ("It holds an e-mail address.",)


@pytest.mark.parametrize(
    "text",
    ["+44 20 7946 0958", "call (555) 123-4567", "555-123-4567.", "030 1234567", "+49-171-1234567"],
)
def test_a_phone_number_makes_a_warning(text: str) -> None:
    assert warnings(make_row(chosen=text).example) == ("It holds a phone number.",)


@pytest.mark.parametrize(
    "text",
    ["on 2024-01-02", "05/2024", "192.168.100.200", "3.14159265", "1,000,000 a year", "@ann"],
)
def test_dates_and_numbers_are_not_personal_data(text: str) -> None:
    assert warnings(make_row(chosen=text).example) == ()
