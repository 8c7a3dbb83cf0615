"""What the training of one user used, all runs together."""

from scheduler.cost import with_cost
from server.api.shapes import Json
from server.services import Services


def training_usage(services: Services, user_id: str) -> Json:
    """The device time, and the money where a price is set."""
    seconds = services.stores.runs.device_seconds(user_id)
    return with_cost({"device_seconds": seconds}, services.settings.price_per_device_hour)
