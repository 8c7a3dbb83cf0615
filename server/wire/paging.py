"""Query parameters of lists: where a page begins, and how long it is."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from server.accounts.accounts import AccountKind
from server.wire.requests import MAX_ID_LENGTH

MAX_USERS = 1000
MAX_SEARCH_LENGTH = 200

IdFilter = Annotated[str | None, Query(max_length=MAX_ID_LENGTH)]
PageLimit = Annotated[int, Query(ge=1, le=100)]
Order = Literal["asc", "desc"]


class UserQuery(BaseModel):
    """Which users an admin wants to see, and in which order.

    `search` is a part of the name or the id. `after` is the id of the last user of the page before.
    """

    model_config = ConfigDict(frozen=True)

    search: str = Field(default="", max_length=MAX_SEARCH_LENGTH)
    kind: AccountKind | None = None
    status: Literal["base", "version", "frozen", "training"] | None = None
    sort: Literal["created", "name", "last_seen", "new_feedback", "version"] = "created"
    order: Order = "asc"
    limit: int = Field(default=MAX_USERS, ge=1, le=MAX_USERS)
    after: str | None = Field(default=None, max_length=MAX_ID_LENGTH)
