"""When training pauses for chats, and when it works all the same. Pure."""

MIN_SHARE = 0.1
"""Of the time training works at least, so that a server that is never idle still learns."""

TURN = 3.0
"""Seconds of work that training is owed before it works beside chats: short turns would only slow
them."""


class Pauses:
    """Decides from one moment to the next whether training pauses."""

    def __init__(self) -> None:
        self._owed = 0.0
        self._has_turn = False

    def must_pause(self, seconds: float, *, has_worked: bool, is_busy: bool) -> bool:
        """Whether it pauses now, after `seconds` in which it worked or not."""
        self._owed = max(0.0, self._owed + seconds * (MIN_SHARE - has_worked))
        self._has_turn = self._owed >= TURN or (self._has_turn and self._owed > 0)
        return is_busy and not self._has_turn
