"""Whether one more request may wait. Pure."""

from collections.abc import Sequence as Items

from server.engine.errors import EngineOverloadedError, UserQueueFullError
from server.engine.sequence import Sequence

AT_CAPACITY = "The server is at capacity. Try again shortly."


def check_room(
    sequence: Sequence, waiting: Items[Sequence], *, queue_limit: int, user_queue_limit: int
) -> None:
    """Raise `EngineOverloadedError` or `UserQueueFullError` if too many are waiting already.

    Requests in the background take no place from others. The empty user name has no limit.
    """
    ahead = [each for each in waiting if sequence.is_background or not each.is_background]
    if len(ahead) >= queue_limit:
        raise EngineOverloadedError(AT_CAPACITY)
    own = sum(each.user == sequence.user for each in waiting)
    if sequence.user and own >= user_queue_limit:
        raise UserQueueFullError("Too many of your requests are waiting. Try again shortly.")
