"""Query parameters of lists: where a page begins, and how long it is."""

from typing import Annotated, Literal

from fastapi import Query

from server.wire.requests import MAX_ID_LENGTH

IdFilter = Annotated[str | None, Query(max_length=MAX_ID_LENGTH)]
PageLimit = Annotated[int, Query(ge=1, le=100)]
Order = Literal["asc", "desc"]
