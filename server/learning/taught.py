"""What a version was taught: its examples, its rules with their support, and its ancestors."""

from adapters_store.errors import AdapterNotFoundError
from adapters_store.records import AdapterVersion
from scheduler.version_report import report_of
from server.errors import RulesNotReadyError
from server.learning.curation_view import curation_json
from server.learning.reply_samples import samples_json
from server.services import Services
from server.wire.responses import Json, label

_MAX_ANCESTORS = 100


def taught_json(services: Services, version: AdapterVersion) -> Json:
    """The version's examples as the filters see them now, its rules, lineage and samples."""
    user_id, learned = version.user_id, frozenset(version.example_ids)
    examples = [
        each for each in curation_json(services, user_id)["examples"] if each["id"] in learned
    ]
    report = report_of(version)
    turns_and_feedback = services.stores.log.recent_turns_with_feedback(user_id)
    return {
        "object": "adapter.version.taught",
        "label": version.label,
        "examples": examples,
        "other_examples": len(learned) - len(examples),
        "rules": _rules(services, version),
        "lineage": _lineage(services, version),
        "samples": samples_json(report, learned, *turns_and_feedback),
    }


def _rules(services: Services, version: AdapterVersion) -> list[Json]:
    """The rules that were trained on; support is None if it is not known now."""
    try:
        now = {each.rule: each for each in services.rules.of(version.user_id)}
    except RulesNotReadyError:
        now = {}
    rules = report_of(version).rules
    return [
        {
            "sentence": rule.sentence,
            "attribute": rule.attribute,
            "value": rule.value,
            "support": now[rule].support if rule in now else None,
            "against": now[rule].against if rule in now else None,
        }
        for rule in rules
    ]


def _lineage(services: Services, version: AdapterVersion) -> list[Json]:
    """The version and those that it came after; of a deleted one only the label is known."""
    ancestors = [_in_short(version)]
    parent = version.parent
    while parent is not None and len(ancestors) < _MAX_ANCESTORS:
        try:
            before = services.stores.registry.version(version.user_id, parent)
        except AdapterNotFoundError:
            ancestors.append({"label": label(parent), "is_deleted": True})
            break
        ancestors.append(_in_short(before))
        parent = before.parent
    return ancestors


def _in_short(version: AdapterVersion) -> Json:
    verdict = report_of(version).verdict
    return {
        "label": version.label,
        "is_deleted": False,
        "created_at": version.created_at,
        "examples": len(version.example_ids),
        "outcome": verdict.outcome.value if verdict else None,
        "withdrawn_at": version.withdrawn_at,
    }
