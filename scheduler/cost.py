"""What training costs. Pure."""

from collections.abc import Mapping
from typing import Any

_SECONDS_PER_HOUR = 3600.0


def with_cost(usage: Mapping[str, Any], price_per_hour: float) -> dict[str, Any]:
    """A usage with its `cost`, in the unit of `price_per_hour`, where its device time is known.

    A price of 0 is none: then money is not spoken of.
    """
    seconds = usage.get("device_seconds")
    if seconds is None or price_per_hour == 0:
        return dict(usage)
    return {**usage, "cost": round(seconds / _SECONDS_PER_HOUR * price_per_hour, 6)}
