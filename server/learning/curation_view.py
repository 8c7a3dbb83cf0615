"""What becomes of each of a user's rows, and why: what the next training will learn from."""

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
"""Turns whose kinds are compared with those of the rows."""
_LOOKED_AT = 20  # runs; many end without a fit because nothing is new


def curation_json(services: Services, user_id: str) -> Json:
    """Every row of a user with its fate, oldest first, and the judgements that make no row.

    What the last training's measures spoke against is told as found then: only a training can
    measure.
    """
    log = services.stores.log
    interactions, feedback = log.turns_with_feedback(user_id)
    again, approved = log.regenerated(user_id), log.approved(user_id)
    results = filter_examples(interactions + again, feedback, approved)
    measured = _measured(services, user_id)
    causes = [result.rejection or measured.get(result.dated.id) for result in results]
    made = [result.dated.example for result in results]
    taught = [each for each, cause in zip(made, causes, strict=True) if cause is None]
    return {
        "object": "curation",
        "user": user_id,
        **tally(len(results), filter(None, causes)),
        "examples": [
            _example(result, cause) for result, cause in zip(results, causes, strict=True)
        ],
        "unused": [{"id": name, "why": why} for name, why in unused(made, feedback).items()],
        "coverage": _coverage(
            [each.prompt for each in taught],
            [turn.messages for turn in log.last_turns(user_id, ASKED_LATELY)],
        ),
    }


def _coverage(taught: Iterable[tuple[Message, ...]], asked: Iterable[tuple[Message, ...]]) -> Json:
    """Several rows can be about one prompt."""
    found = coverage(
        (prompt[-1].content for prompt in dict.fromkeys(taught) if prompt),
        (messages[-1].content for messages in asked if messages),
    )
    return {
        "kinds": [asdict(each) for each in found.kinds],
        "warnings": list(found.warnings),
    }


def _measured(services: Services, user_id: str) -> dict[str, Rejection]:
    """What the last finished fit left out by the base's losses."""
    runs = services.stores.runs.runs(user_id, limit=_LOOKED_AT)
    reports = (read_report(run.report) for run in runs)
    fitted = next((report for report in reports if report.evaluation), VersionReport())
    return dict(fitted.rejected_by_loss)


def _example(result: FilterResult, cause: Rejection | None) -> Json:
    example = result.dated.example
    return {
        "id": example.id,
        "kind": example.kind.value,
        "source": example.source,
        "judged_at": result.dated.judged_at,
        "interaction_ids": list(example.interaction_ids),
        "feedback_ids": list(example.feedback_ids),
        "prompt": _preview(example.prompt[-1].content if example.prompt else ""),
        "reply": _preview(example.reply),
        "accepted": cause is None,
        "reason": None if cause is None else cause.reason.value,
        "why": None if cause is None else cause.why,
        "other": None if cause is None else cause.other,
        "warnings": list(result.warnings),
    }


def _preview(text: str) -> str:
    """The beginning of a text, with dots in place of secrets."""
    text = mask_secrets(text)
    cut = len(text) > PREVIEW_CHARACTERS
    return f"{text[:PREVIEW_CHARACTERS]}…" if cut else text
