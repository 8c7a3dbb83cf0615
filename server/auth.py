"""Dependencies of every route with a key: who is calling, and for which user."""

import contextlib
import hmac
import logging
import math
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.security import (
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
)

from server.accounts.accounts import Account, UnknownAccountError
from server.accounts.identity import BodyIdentity, NamedUser, named_user
from server.accounts.keys import is_guessable
from server.accounts.moves import MoveState
from server.errors import AuthenticationError, ForbiddenError, RequestError
from server.middleware import ON_LEAVING
from server.request_body import StrictRoute
from server.services import Services

ADMIN_PATHS = "/v1/admin/"
USER_PATH = "/v1/admin/users/{user}"
MOVE_PATH = f"{USER_PATH}/move"
_log = logging.getLogger(__name__)
_bearer = HTTPBearer(auto_error=False, description="A key made by Loralei.")
_basic = HTTPBasic(auto_error=False, description="A key made by Loralei, as the password.")


async def get_services(request: Request) -> Services:
    """The services that the application was made with."""
    services: Services = request.app.state.services
    return services


App = Annotated[Services, Depends(get_services)]


async def authenticate(
    request: Request,
    services: App,
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Account:
    """The account whose key was sent; it is looked up once per request.

    Raises `AuthenticationError`, and `RequestError` (429) while the caller's address is locked out.
    """
    if not hasattr(request.state, "caller"):
        if sent is None:
            raise AuthenticationError("Send your key as 'Authorization: Bearer <key>'.")
        peer = request.client.host if request.client else ""
        token = sent.credentials
        request.state.caller = await run_in_threadpool(_enter, request, services, token, peer)
    caller: Account = request.state.caller
    return caller


async def authenticate_password(
    request: Request,
    services: App,
    basic: Annotated[HTTPBasicCredentials | None, Depends(_basic)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Account:
    """As `authenticate`, if the key may also be a password; the name beside it is not looked at."""
    if basic is not None:
        bearer = HTTPAuthorizationCredentials(scheme="Bearer", credentials=basic.password)
    return await authenticate(request, services, bearer)


def _enter(request: Request, services: Services, token: str, peer: str) -> Account:
    """The account with this key; a frontend's users enter once they are named."""
    owner = _owner_of(services, token, peer)
    return owner if owner.is_frontend else enter(request, services, owner)


def _owner_of(services: Services, token: str, peer: str) -> Account:
    """The account with this key. One that was made here is checked even during a lock-out."""
    if hmac.compare_digest(token.encode(), services.cli_token.encode()):
        return services.accounts.first_admin()
    now = time.time()
    passed = time.monotonic()  # a clock that is set back must not lock anybody out for days
    wait = services.lockout.seconds_left(peer, passed)
    is_checked = not wait or not is_guessable(token)
    account = services.accounts.authenticate(token, now) if is_checked else None
    if account is not None:
        return account
    if wait:
        seconds = math.ceil(wait)
        message = f"Too many wrong keys came from your address. Try again in {seconds} s."
        raise RequestError(429, message, headers={"retry-after": str(seconds)})
    if services.lockout.note_wrong(peer, passed):
        _log.warning("locked out %s: too many wrong keys", peer)
    raise AuthenticationError("This key is not valid. Ask an admin for a new one.")


Caller = Annotated[Account, Depends(authenticate)]


def enter(request: Request, services: Services, user: Account) -> Account:
    """The user, for whom this request is now. A move of the user waits until it is answered.

    Raises `UserMovingError`.
    """
    request.scope[ON_LEAVING].append(services.moves.enter(user.id))
    return user


async def _enter_named(request: Request, services: Services, deletes_account: bool) -> None:
    """Let nobody change the user in a path who is on the way.

    What a move left behind, or a copy that never opened, can be deleted. Raises `UserMovingError`.
    """
    name = request.path_params.get("user")

    def enter_found() -> None:
        with contextlib.suppress(UnknownAccountError):  # the route says so
            account = services.accounts.find(str(name))
            move = services.moves.of(account.id)
            is_here = move is None or move.state is MoveState.LEAVING
            if is_here or not deletes_account:
                enter(request, services, account)

    if name is not None:
        await run_in_threadpool(enter_found)


async def require_admin(caller: Caller) -> Account:
    """The caller, if an admin. Raises `ForbiddenError`."""
    if not caller.is_admin:
        raise ForbiddenError("This needs an admin's key.")
    return caller


class KeyedRoute(StrictRoute):
    """A route that knows the caller before it reads the body: strangers cannot make it wait."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Check the key first, then do the rest."""
        handle = super().get_route_handler()
        is_for_admins = self.path.startswith(ADMIN_PATHS)
        is_reading = "GET" in (self.methods or ())
        changes_user = not is_reading and not self.path.startswith(MOVE_PATH)
        deletes_account = self.path == USER_PATH

        async def handle_known(request: Request) -> Response:
            caller = await self.identify(request)
            if is_for_admins:
                await require_admin(caller)
                if changes_user:
                    await _enter_named(request, await get_services(request), deletes_account)
            return await handle(request)

        return handle_known

    @staticmethod
    async def identify(request: Request) -> Account:
        """The caller; remembered, so that the key is looked up once."""
        return await authenticate(request, await get_services(request), await _bearer(request))


class PasswordRoute(KeyedRoute):
    """A keyed route for clients that send the key as the password of HTTP Basic authentication."""

    @staticmethod
    async def identify(request: Request) -> Account:
        """The caller; remembered, so that the key is looked up once."""
        services, basic = await get_services(request), await _basic(request)
        return await authenticate_password(request, services, basic, await _bearer(request))


async def require_command_line(
    services: App, sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    """Refuse everybody but the command line on this machine. Raises `ForbiddenError`."""
    token = sent.credentials if sent else ""
    if not hmac.compare_digest(token.encode(), services.cli_token.encode()):
        raise ForbiddenError("Only the command line on the server's own machine may do this.")


Admin = Annotated[Account, Depends(require_admin)]


def header_values(request: Request) -> Mapping[str, list[str]]:
    """Every value of every header, by lower-case name."""
    return {name: request.headers.getlist(name) for name in request.headers}


def named_by_frontend(
    request: Request, services: Services, frontend: Account, body: BodyIdentity
) -> NamedUser | None:
    """The user that a frontend's request names by the rules of its key, or None.

    It is checked once per request, so a signed name that expires meanwhile stays good. Raises
    `UnverifiedIdentityError`, `AmbiguousIdentityError`.
    """
    if not hasattr(request.state, "named"):
        rules = frontend.identity_rules or services.identity_rules
        request.state.named = named_user(header_values(request), body, rules, time.time())
    named: NamedUser | None = request.state.named
    return named


UserName = Annotated[
    str | None, Query(max_length=256, description="A frontend's name for its user.")
]


def acting_user(
    request: Request,
    services: App,
    caller: Caller,
    user: UserName = None,
) -> Account:
    """The user whose data a request is about: the key's owner, or the one that a frontend names.

    Raises `UnknownAccountError` if the frontend never named that user before.
    """
    if not caller.is_frontend:
        return caller
    named = named_by_frontend(request, services, caller, BodyIdentity(user=user))
    if named is None:
        raise RequestError(400, "Say which user this is for.", param="user")
    return enter(request, services, services.accounts.known_user(caller, named.id))


User = Annotated[Account, Depends(acting_user)]
