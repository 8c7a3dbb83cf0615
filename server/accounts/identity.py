"""Which user a frontend's request is for. Pure: headers, body and the time are arguments.

A `user` or `admin` key always acts as its owner.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt

from server.accounts.display_name import display_name

MAX_IDENTITY_LENGTH = 256
MIN_SECRET_LENGTH = 32
MAX_JWT_LENGTH = 4096
CLOCK_SKEW = 30.0
JWT_HEADER = "x-openwebui-user-jwt"
USER_HEADERS = ("x-loralei-user-id", "x-openwebui-user-id")
NAME_HEADERS = ("x-loralei-user-name", "x-openwebui-user-name", "x-openwebui-user-email")
_ISSUER = "open-webui"


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """What the operator trusts: signed identities (by a shared secret), or plain headers."""

    jwt_secret: str | None = field(default=None, repr=False)
    trust_headers: bool = False


@dataclass(frozen=True, slots=True)
class NamedUser:
    """A frontend's id of its user, and what it calls that user, if trusted headers say so."""

    id: str
    display_name: str | None = None


@dataclass(frozen=True, slots=True)
class BodyIdentity:
    """The body's fields that may name a user; `user` may be a string or an object with an id."""

    safety_identifier: Any = None
    user: Any = None
    metadata_user_id: Any = None


def how_to_name_users(rules: IdentityRules) -> str:
    """What a frontend whose requests name nobody has to do, in a sentence. Pure."""
    if rules.trust_headers:
        return "let it send X-Loralei-User-Id or X-OpenWebUI-User-Id, or `user` in the body"
    return (
        "let it send `user` in the body; or, if it names its user in a header, trust that header"
        " with `loralei users identity` or the setting `trust_identity_headers`"
    )


class UnverifiedIdentityError(PermissionError):
    """A signed identity is required, and is missing, forged or expired."""


class AmbiguousIdentityError(ValueError):
    """The request does not name its user clearly."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


def named_user(
    headers: Mapping[str, Sequence[str]], body: BodyIdentity, rules: IdentityRules, now: float
) -> NamedUser | None:
    """The user that a frontend names, or None if it names nobody.

    `headers` maps lower-case names to all values. Raises `UnverifiedIdentityError`,
    `AmbiguousIdentityError`.
    """
    if rules.jwt_secret is not None:
        return _signed_user(headers.get(JWT_HEADER, ()), rules.jwt_secret, now)
    if rules.trust_headers:
        for header in USER_HEADERS:
            values = headers.get(header, ())
            if len(set(values)) > 1:
                raise AmbiguousIdentityError(f"{header} was sent with different values", header)
            if values and values[0].strip():
                user_id = checked_identity(values[0].strip(), header)
                return NamedUser(user_id, _name_in_headers(headers))
    named = _body_user(body)
    return None if named is None else NamedUser(named)


def _name_in_headers(headers: Mapping[str, Sequence[str]]) -> str | None:
    names = (display_name(headers.get(header, ("",))[0]) for header in NAME_HEADERS)
    return next(filter(None, names), None)


def _body_user(body: BodyIdentity) -> str | None:
    user = body.user
    if isinstance(user, Mapping):
        if "id" not in user:
            raise AmbiguousIdentityError("user is an object without an id", "user")
        user = user["id"]
    candidates = (
        ("safety_identifier", body.safety_identifier),
        ("user", user),
        ("metadata.user_id", body.metadata_user_id),
    )
    for param, value in candidates:
        if value is None or value == "":
            continue
        if not isinstance(value, str):
            raise AmbiguousIdentityError(f"{param} must be a string", param)
        return checked_identity(value, param)
    return None


def checked_identity(value: str, param: str) -> str:
    """A frontend's id of its user, if it can be one. Raises `AmbiguousIdentityError`."""
    if len(value) > MAX_IDENTITY_LENGTH or not value.isprintable() or not value.strip():
        raise AmbiguousIdentityError(
            f"{param} must be printable and at most {MAX_IDENTITY_LENGTH} characters", param
        )
    if "{{" in value:
        # An unfilled placeholder would make one user of everybody.
        raise AmbiguousIdentityError(f"{param} holds an unfilled placeholder", param)
    return value


def _signed_user(tokens: Sequence[str], secret: str, now: float) -> NamedUser:
    if len(tokens) != 1 or len(tokens[0]) > MAX_JWT_LENGTH:
        raise UnverifiedIdentityError(f"send {JWT_HEADER} exactly once")
    try:
        if "crit" in jwt.get_unverified_header(tokens[0]):
            raise UnverifiedIdentityError(f"{JWT_HEADER} has critical extensions")
        claims = jwt.decode(
            tokens[0],
            secret,
            algorithms=["HS256"],
            issuer=_ISSUER,
            options={
                "require": ["sub", "iss", "iat", "exp"],
                # The clock is an argument here, so `_is_current` compares the times.
                "verify_exp": False,
                "verify_iat": False,
                "verify_aud": False,
            },
        )
    except jwt.InvalidTokenError as error:
        raise UnverifiedIdentityError(f"{JWT_HEADER} is not valid: {error}") from error
    if not _is_current(claims, now):
        raise UnverifiedIdentityError(f"{JWT_HEADER} is expired or not yet valid")
    try:
        user_id = checked_identity(str(claims["sub"]), "sub")
    except AmbiguousIdentityError as error:
        raise UnverifiedIdentityError(str(error)) from error
    names = (display_name(str(claims.get(claim) or "")) for claim in ("name", "email"))
    return NamedUser(user_id, next(filter(None, names), None))


def _is_current(claims: Mapping[str, Any], now: float) -> bool:
    issued, expires = claims["iat"], claims["exp"]
    if not all(isinstance(at, int | float) and abs(at) < 1e15 for at in (issued, expires)):
        return False
    return bool(issued - CLOCK_SKEW <= now <= expires + CLOCK_SKEW)
