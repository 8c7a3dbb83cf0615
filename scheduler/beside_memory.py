"""Whether a version does better with what it learned in its prompt, too, or without. Pure."""

from adapters_store.records import AdapterVersion
from scheduler.records import Outcome


def does_without_memory(version: AdapterVersion) -> bool:
    """Whether what a version learned leaves the prompt.

    Where the user's rules told right from wrong replies: if memory made no more of them right.
    Elsewhere: if it proved what it learned.
    """
    evaluation = version.report.get("evaluation", {})
    beside: int | None = evaluation.get("tried_kept_beside")
    if beside is not None:
        return beside <= int(evaluation["tried_kept"])
    outcome: str | None = version.report.get("verdict", {}).get("outcome")
    return outcome == Outcome.PROVEN
