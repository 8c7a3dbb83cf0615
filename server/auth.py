"""Dependencies of every route with a key: who is calling, and for which user."""

import hmac
import time
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from server.accounts.accounts import Account
from server.accounts.identity import BodyIdentity, named_user
from server.errors import AuthenticationError, ForbiddenError, RequestError
from server.services import Services

_bearer = HTTPBearer(auto_error=False, description="A key made by Loralei.")


async def get_services(request: Request) -> Services:
    """The services that the application was made with."""
    services: Services = request.app.state.services
    return services


App = Annotated[Services, Depends(get_services)]


def authenticate(
    services: App, sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Account:
    """The account whose key was sent. Raises `AuthenticationError`."""
    if sent is None:
        raise AuthenticationError("Send your key as 'Authorization: Bearer <key>'.")
    token = sent.credentials
    if hmac.compare_digest(token.encode(), services.cli_token.encode()):
        return services.accounts.first_admin()
    account = services.accounts.authenticate(token, time.time())
    if account is None:
        raise AuthenticationError("This key is not valid. Ask an admin for a new one.")
    return account


Caller = Annotated[Account, Depends(authenticate)]


async def require_admin(caller: Caller) -> Account:
    """The caller, if an admin. Raises `ForbiddenError`."""
    if not caller.is_admin:
        raise ForbiddenError("This needs an admin's key.")
    return caller


Admin = Annotated[Account, Depends(require_admin)]


def header_values(request: Request) -> Mapping[str, list[str]]:
    """Every value of every header, by lower-case name."""
    return {name: request.headers.getlist(name) for name in request.headers}


def named_by_frontend(request: Request, services: Services, body: BodyIdentity) -> str | None:
    """The user that a frontend's request names, or None.

    Raises `UnverifiedIdentityError`, `AmbiguousIdentityError`.
    """
    return named_user(header_values(request), body, services.identity_rules, time.time())


def acting_user(
    request: Request,
    services: App,
    caller: Caller,
    user: Annotated[
        str | None, Query(max_length=256, description="A frontend's name for its user.")
    ] = None,
) -> Account:
    """The user whose data a request is about: the key's owner, or the one that a frontend names.

    Raises `UnknownAccountError` if the frontend never named that user before.
    """
    if not caller.is_frontend:
        return caller
    external_id = named_by_frontend(request, services, BodyIdentity(user=user))
    if external_id is None:
        raise RequestError(400, "Say which user this is for.", param="user")
    return services.accounts.known_user(caller, external_id)


User = Annotated[Account, Depends(acting_user)]
