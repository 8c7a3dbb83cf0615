"""The cost of training. Pure."""

from collections.abc import Mapping
from typing import Any

_SECONDS_PER_HOUR = 3600.0


def with_cost(usage: Mapping[str, Any], price_per_hour: float) -> dict[str, Any]:
    """The usage with its `cost`, in the unit of `price_per_hour`; without it if the device time is
    unknown or the price is 0."""
    seconds = usage.get("device_seconds")
    if seconds is None or price_per_hour == 0:
        return dict(usage)
    return {**usage, "cost": round(seconds / _SECONDS_PER_HOUR * price_per_hour, 6)}
