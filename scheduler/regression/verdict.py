"""What the suite's measures mean for a version. Pure."""

from collections.abc import Sequence

from scheduler.regression.records import Measure, SuiteStatus


def decide(measures: Sequence[Measure]) -> tuple[SuiteStatus, str]:
    """Whether a version passed, with the reason in sentences."""
    refused = [each.sentence for each in measures if each.is_refused]
    if refused:
        return SuiteStatus.REFUSED, " ".join(refused)
    return SuiteStatus.PASSED, "Nothing is worse than with the base model beyond what is allowed."
