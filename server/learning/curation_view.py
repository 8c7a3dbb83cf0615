"""Which of a user's examples the next training accepts, and why it rejects the others."""

from collections.abc import Iterable
from dataclasses import asdict

from feedback.filters.records import FilterResult, Rejection, tally
from feedback.filters.run import filter_examples
from feedback.filters.unused import unused
from feedback.records import Message
from feedback.task_types import coverage
from feedback.text.secret_scan import mask_secrets
from scheduler.version_report import VersionReport, read_report
from server.services import Services
from server.wire.responses import Json

PREVIEW_CHARACTERS = 200
ASKED_LATELY = 200
"""Recent turns whose task types are compared with those of the examples."""
_MAX_RUNS = 20  # to search for a fit; many runs end without one because nothing is new


def curation_json(services: Services, user_id: str) -> Json:
    """Every example of a user, accepted or rejected, oldest first, and the unused feedback.

    Rejections by loss are those of the last fit, because only a training can measure losses.
    """
    log = services.stores.log
    interactions, feedback = log.recent_turns_with_feedback(user_id)
    results = filter_examples(interactions + log.regenerated(user_id), feedback)
    by_loss = _rejected_by_loss(services, user_id)
    rejections = [result.rejection or by_loss.get(result.dated.id) for result in results]
    examples = [result.dated.example for result in results]
    pairs = list(zip(results, rejections, strict=True))
    return {
        "object": "curation",
        "user": user_id,
        **tally(len(results), filter(None, rejections)),
        "examples": [_example(result, rejection) for result, rejection in pairs],
        "unused": [{"id": name, "why": why} for name, why in unused(examples, feedback).items()],
        "coverage": _coverage(
            [result.dated.example.messages for result, rejection in pairs if rejection is None],
            [turn.messages for turn in log.last_turns(user_id, ASKED_LATELY)],
        ),
    }


def _coverage(taught: Iterable[tuple[Message, ...]], asked: Iterable[tuple[Message, ...]]) -> Json:
    """Several examples can have one prompt, which counts once."""
    found = coverage(
        (prompt[-1].content for prompt in dict.fromkeys(taught) if prompt),
        (messages[-1].content for messages in asked if messages),
    )
    return {"kinds": [asdict(each) for each in found.kinds], "warnings": list(found.warnings)}


def _rejected_by_loss(services: Services, user_id: str) -> dict[str, Rejection]:
    """The examples that the last fit rejected by the base's losses, by id."""
    runs = services.stores.runs.runs(user_id, limit=_MAX_RUNS)
    reports = (read_report(run.report) for run in runs)
    fitted = next((report for report in reports if report.evaluation), VersionReport())
    return dict(fitted.rejected_by_loss)


def _example(result: FilterResult, rejection: Rejection | None) -> Json:
    example = result.dated.example
    return {
        "id": example.id,
        "kind": example.kind.value,
        "source": example.source,
        "feedback_at": result.dated.feedback_at,
        "interaction_ids": list(example.interaction_ids),
        "feedback_ids": list(example.feedback_ids),
        "prompt": _preview(example.messages[-1].content if example.messages else ""),
        "reply": _preview(example.reply),
        "accepted": rejection is None,
        "reason": None if rejection is None else rejection.reason.value,
        "why": None if rejection is None else rejection.why,
        "other": None if rejection is None else rejection.other,
        "warnings": list(result.warnings),
    }


def _preview(text: str) -> str:
    """The beginning of a text, with its secrets masked."""
    text = mask_secrets(text)
    return text if len(text) <= PREVIEW_CHARACTERS else f"{text[:PREVIEW_CHARACTERS]}…"
