from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.accounts.identity import (
    MAX_IDENTITY_LENGTH,
    AmbiguousIdentityError,
    BodyIdentity,
    IdentityRules,
    NamedUser,
    UnverifiedIdentityError,
    named_user,
)

NOW = 1_800_000_000.0
SECRET = "0123456789abcdef0123456789abcdef"
NOBODY = BodyIdentity()
PLAIN = IdentityRules()
TRUSTING = IdentityRules(trust_headers=True)
SIGNED = IdentityRules(jwt_secret=SECRET, trust_headers=True)


def token(secret: str = SECRET, headers: Mapping[str, Any] | None = None, **changes: Any) -> str:
    claims = {"sub": "ann", "iss": "open-webui", "iat": NOW - 10, "exp": NOW + 290} | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, secret, algorithm="HS256", headers=dict(headers or {}))


def signed(value: str) -> dict[str, list[str]]:
    return {"x-openwebui-user-jwt": [value]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (BodyIdentity("hash", "ann", "7"), "hash"),
        (BodyIdentity(None, "ann", "7"), "ann"),
        (BodyIdentity(None, {"id": "ann", "name": "Ann"}, "7"), "ann"),
        (BodyIdentity("", "", "7"), "7"),
        (NOBODY, None),
    ],
)
def test_the_body_names_its_user_in_a_fixed_order(body: BodyIdentity, expected: str | None) -> None:
    named = named_user({}, body, PLAIN, NOW)
    assert named == (None if expected is None else NamedUser(expected))


def test_headers_that_are_not_trusted_are_ignored() -> None:
    headers = {"x-loralei-user-id": ["eve"], "x-openwebui-user-id": ["eve"]}
    assert named_user(headers, BodyIdentity(user="ann"), PLAIN, NOW) == NamedUser("ann")


def test_a_trusted_header_wins_over_the_body() -> None:
    headers = {"x-openwebui-user-id": ["ann"]}
    assert named_user(headers, BodyIdentity(user="eve"), TRUSTING, NOW) == NamedUser("ann")


def test_our_own_header_wins_over_open_webuis() -> None:
    headers = {"x-loralei-user-id": ["ann"], "x-openwebui-user-id": ["bob"]}
    assert named_user(headers, NOBODY, TRUSTING, NOW) == NamedUser("ann")


def test_without_a_trusted_header_the_body_counts() -> None:
    assert named_user({}, BodyIdentity(user="ann"), TRUSTING, NOW) == NamedUser("ann")


def test_a_header_with_two_values_is_refused() -> None:
    headers = {"x-loralei-user-id": ["ann", "bob"]}
    with pytest.raises(AmbiguousIdentityError):
        named_user(headers, NOBODY, TRUSTING, NOW)


@pytest.mark.parametrize(
    "body",
    [
        BodyIdentity(user={"name": "Ann"}),
        BodyIdentity(user={"id": 7}),
        BodyIdentity(user="{{USER_ID}}"),
        BodyIdentity(user="x" * (MAX_IDENTITY_LENGTH + 1)),
        BodyIdentity(user="a\x00b"),
        BodyIdentity(user="   "),
    ],
)
def test_a_name_that_could_be_anybodys_is_refused(body: BodyIdentity) -> None:
    with pytest.raises(AmbiguousIdentityError) as refused:
        named_user({}, body, PLAIN, NOW)
    assert refused.value.param == "user"


def test_a_signed_identity_wins_over_everything() -> None:
    headers = signed(token()) | {"x-loralei-user-id": ["eve"]}
    assert named_user(headers, BodyIdentity(user="eve"), SIGNED, NOW) == NamedUser("ann")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-loralei-user-id": ["ann"]},
        signed("no token"),
        signed("x" * 5000),
        {"x-openwebui-user-jwt": [token(), token(sub="bob")]},
        signed(token(secret="another-secret-of-enough-length!")),
        signed(token(iss="somebody-else")),
        signed(token(sub=None)),
        signed(token(sub="")),
        signed(token(exp=None)),
        signed(token(exp=NOW - 31)),
        signed(token(iat=NOW + 31)),
        signed(token(exp="soon")),
        signed(token(headers={"crit": ["b64"], "b64": True})),
        signed(jwt.encode({"sub": "ann", "iss": "open-webui"}, None, algorithm="none")),
        signed(jwt.encode({"sub": "ann"}, SECRET * 2, algorithm="HS512")),
    ],
    ids=str,
)
def test_without_a_valid_signature_nobody_is_anybody(headers: dict[str, list[str]]) -> None:
    with pytest.raises(UnverifiedIdentityError):
        named_user(headers, BodyIdentity(user="ann"), SIGNED, NOW)


def test_a_clock_may_be_a_little_off() -> None:
    headers = signed(token(iat=NOW + 20, exp=NOW + 300))
    assert named_user(headers, NOBODY, SIGNED, NOW) == NamedUser("ann")


values = st.none() | st.text(max_size=300) | st.dictionaries(st.just("id"), st.text(), max_size=1)


@given(values, values, values)
def test_any_body_names_a_printable_user_or_nobody_or_is_refused(
    safety: object, user: object, metadata: object
) -> None:
    try:
        named = named_user({}, BodyIdentity(safety, user, metadata), PLAIN, NOW)
    except AmbiguousIdentityError:
        return
    assert named is None or (named.id.isprintable() and 0 < len(named.id) <= MAX_IDENTITY_LENGTH)


@given(st.text(max_size=200))
def test_any_text_as_a_token_is_refused(text: str) -> None:
    with pytest.raises(UnverifiedIdentityError):
        named_user(signed(text), NOBODY, SIGNED, NOW)


def test_trusted_headers_say_what_the_user_is_called() -> None:
    headers = {
        "x-openwebui-user-id": ["42"],
        "x-openwebui-user-name": ["Ann%20%C3%98rsted"],
        "x-openwebui-user-email": ["ann@example.org"],
    }
    assert named_user(headers, NOBODY, TRUSTING, NOW) == NamedUser("42", "Ann Ørsted")
    del headers["x-openwebui-user-name"]
    assert named_user(headers, NOBODY, TRUSTING, NOW) == NamedUser("42", "ann@example.org")


def test_a_signed_token_says_what_the_user_is_called() -> None:
    headers = signed(token(name="Ann Lee", email="ann@example.org"))
    headers |= {"x-openwebui-user-name": ["Eve"]}
    assert named_user(headers, NOBODY, SIGNED, NOW) == NamedUser("ann", "Ann Lee")
    nameless = signed(token(name="", email="ann@example.org"))
    assert named_user(nameless, NOBODY, SIGNED, NOW) == NamedUser("ann", "ann@example.org")


def test_headers_that_are_not_trusted_call_nobody_anything() -> None:
    headers = {"x-openwebui-user-name": ["Eve"]}
    assert named_user(headers, BodyIdentity(user="ann"), PLAIN, NOW) == NamedUser("ann")
    # Without the id beside it, the name may be another user's.
    assert named_user(headers, BodyIdentity(user="ann"), TRUSTING, NOW) == NamedUser("ann")


def test_a_secret_is_not_printed() -> None:
    assert SECRET not in repr(SIGNED)
