"""What is stored of how a version came to be: written once, read once, typed in between. Pure.

Reports that were stored under earlier names stay as they are; `read_report` reads both.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from adapters_store.records import AdapterVersion
from feedback.filters.records import FilterResult, Rejection, RejectionReason, tally
from feedback.rules.overrides import overridden
from feedback.rules.rule import Rule
from scheduler.records import Evaluation, Outcome, Verdict

_EARLIER_NAMES = {
    "held_out_rows": "held_out_examples",
    "held_out_loss_proof": "held_out_loss",
    "held_out_loss_memory": "held_out_loss_few_shot",
    "incumbent_rows": "incumbent_examples",
    "incumbent_rows_loss_proof": "loss_on_incumbent_examples",
    "anchor_kl": "reference_kl",
    "parroting_base": "echo_base",
    "parroting_candidate": "echo_candidate",
    "silence_base": "empty_base",
    "silence_candidate": "empty_candidate",
    "tried": "num_probes",
    "tried_kept": "compliance",
    "tried_kept_base": "base_compliance",
    "tried_kept_beside": "compliance_with_few_shot",
    "tried_kept_memory": "base_compliance_with_few_shot",
    "tried_part": "probe_part",
}


@dataclass(frozen=True, slots=True)
class CurationReport:
    """How many examples the filters accepted, and how many they rejected, by reason.

    `rejected_by_loss` are the examples that only the training child could reject, by id.
    `superseded` are the ids of examples whose place a newer one took: a model that learned the
    newer one need not be shown the older one.
    """

    accepted: int
    rejected: Mapping[str, int]
    rejected_by_loss: Mapping[str, Rejection] = field(default_factory=dict)
    superseded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FitReport:
    """What makes the same weights again, beside the base.

    `dataset_hash` is that of everything there was to learn: a run compares it to find that nothing
    is new. `start` is the number of the version that a warm start went on from.
    """

    sentences: tuple[str, ...]
    start: int | None
    start_checksum: str | None
    dataset_hash: str
    training: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VersionReport:
    """What a version was taught, what was measured of it, and what the gate said.

    `evaluation` holds the fields of `Evaluation` by name; a number that is not finite is None.
    """

    rules: tuple[Rule, ...] = ()
    curation: CurationReport | None = None
    fit: FitReport | None = None
    evaluation: Mapping[str, float | None] = field(default_factory=dict)
    verdict: Verdict | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rejected_by_loss(self) -> Mapping[str, Rejection]:
        """The examples that the fit rejected by the base's losses, by id."""
        return self.curation.rejected_by_loss if self.curation else {}

    @property
    def superseded(self) -> tuple[str, ...]:
        """The ids of examples whose place a newer one took."""
        return self.curation.superseded if self.curation else ()

    @property
    def is_provisional(self) -> bool:
        """Whether the gate let it answer without significance."""
        return self.verdict is not None and self.verdict.outcome is Outcome.PROVISIONAL

    @property
    def replaces_memory(self) -> bool:
        """Whether what the version learned leaves the prompt.

        If the user's rules could tell right replies from wrong ones: if few-shot examples made no
        more replies right. Otherwise: if the gain was significant.
        """
        with_few_shot = self.evaluation.get("compliance_with_few_shot")
        if with_few_shot is not None:
            return with_few_shot <= (self.evaluation.get("compliance") or 0)
        return self.verdict is not None and self.verdict.outcome is Outcome.SIGNIFICANT

    def to_json(self) -> dict[str, Any]:
        """The report as it is stored and sent; sections without content are left out."""
        row: dict[str, Any] = {
            "rules": [{**asdict(rule), "sentence": rule.sentence} for rule in self.rules],
            "curation": self.curation and _curation_json(self.curation),
            "fit": self.fit and asdict(self.fit),
            "evaluation": finite(self.evaluation),
            "verdict": self.verdict
            and {"outcome": self.verdict.outcome.value, "reasons": list(self.verdict.reasons)},
            "usage": finite(self.usage),
        }
        return {name: section for name, section in row.items() if section}


def read_report(row: Mapping[str, Any]) -> VersionReport:
    """The report that `to_json` wrote, or an earlier release; reports made elsewhere are empty."""
    curation, fit, verdict = row.get("curation"), row.get("fit"), row.get("verdict")
    if "fitting" in row:
        fit = {**row["fitting"], "dataset_hash": row["fitting"].get("rows")}
    return VersionReport(
        rules=_rules(row),
        curation=_curation(curation) if curation else None,
        fit=_fit(fit) if fit else None,
        evaluation={
            _EARLIER_NAMES.get(name, name): value
            for name, value in row.get("evaluation", {}).items()
        },
        verdict=_verdict(verdict) if verdict else None,
        usage=row.get("usage", {}),
    )


def report_of(version: AdapterVersion) -> VersionReport:
    """The report of one version."""
    return read_report(version.report)


def curation_report(
    filtered: Sequence[FilterResult], by_loss: Mapping[str, Rejection] | None = None
) -> CurationReport:
    """Count what the filters did; `by_loss` are the rejections of the training child."""
    late = by_loss or {}
    early = [result.rejection for result in filtered if result.rejection is not None]
    counts = tally(len(filtered), [*early, *late.values()])
    superseded = tuple(
        result.dated.id for result in filtered if result.rejection and result.rejection.other
    )
    return CurationReport(counts["accepted"], counts["rejected"], late, superseded)


def evaluation_report(evaluation: Evaluation) -> dict[str, float | None]:
    """An evaluation as a report holds it."""
    return finite(asdict(evaluation))


def overridden_rules(version: AdapterVersion | None, prompt: str) -> tuple[Rule, ...]:
    """The rules of a version that a prompt overrides. If there are any, the base answers: small
    models do not learn from examples when to drop a habit."""
    return () if version is None else overridden(report_of(version).rules, prompt)


def finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """Replace NaN and infinity, which JSON does not have, by None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def _curation_json(report: CurationReport) -> dict[str, Any]:
    listed = {
        name: {"reason": each.reason.value, "why": each.why}
        for name, each in report.rejected_by_loss.items()
    }
    return {
        "accepted": report.accepted,
        "rejected": dict(report.rejected),
        "rejected_by_loss": listed,
        "superseded": list(report.superseded),
    }


def _rules(row: Mapping[str, Any]) -> tuple[Rule, ...]:
    if "rule_values" in row:
        return tuple(Rule(*each) for each in row["rule_values"])
    return tuple(Rule(each["attribute"], each["value"]) for each in row.get("rules", ()))


def _curation(row: Mapping[str, Any]) -> CurationReport:
    by_loss = row.get("rejected_by_loss", row.get("by_losses", {}))
    return CurationReport(
        accepted=row.get("accepted", row.get("kept", 0)),
        rejected=row.get("rejected", row.get("left_out", {})),
        rejected_by_loss={
            name: Rejection(RejectionReason(each["reason"]), each["why"])
            for name, each in by_loss.items()
        },
        superseded=tuple(row.get("superseded", ())),
    )


def _fit(row: Mapping[str, Any]) -> FitReport:
    return FitReport(
        sentences=tuple(row["sentences"]),
        start=row["start"],
        start_checksum=row["start_checksum"],
        dataset_hash=row["dataset_hash"],
        training=row["training"],
    )


def _verdict(row: Mapping[str, Any]) -> Verdict:
    outcome = "significant" if row["outcome"] == "proven" else row["outcome"]
    return Verdict(Outcome(outcome), tuple(row.get("reasons", ())))
