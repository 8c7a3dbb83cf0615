"""Device time of one run or of all runs of a user, and its cost if a price is set."""

from scheduler.cost import with_cost
from scheduler.records import TrainingRun
from server.services import Services
from server.wire.responses import Json, run_json


def run_with_cost(services: Services, run: TrainingRun) -> Json:
    """A training run as admins see it."""
    return run_json(run, services.settings.price_per_device_hour)


def training_usage(services: Services, user_id: str) -> Json:
    """The device time of all runs of a user, and its cost if a price is set."""
    seconds = services.stores.runs.device_seconds(user_id)
    return with_cost({"device_seconds": seconds}, services.settings.price_per_device_hour)
