"""The stored report of how a version was made. Pure.

Older reports stay as they were stored; `read_report` knows their names.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from adapters_store.records import AdapterVersion
from feedback.filters.records import FilterResult, Rejection, RejectionReason, tally
from feedback.rules.attributes.registry import ATTRIBUTES
from feedback.rules.overrides import overridden
from feedback.rules.rule import Rule
from scheduler.measure import read_measure
from scheduler.records import (
    LossPhase,
    Outcome,
    ReplySample,
    TeacherChoice,
    TeacherKind,
    Verdict,
    is_as_compliant_alone,
)

_EARLIER_NAMES = {
    "held_out_rows": "held_out_examples",
    "held_out_loss_proof": "held_out_loss",
    "held_out_loss_memory": "held_out_loss_few_shot",
    "incumbent_rows": "incumbent_examples",
    "incumbent_rows_loss_proof": "loss_on_incumbent_examples",
    "anchor_kl": "reference_kl",
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

    `rejected_by_loss` holds the examples that only the training process could reject, by id.
    `superseded` are the ids of examples that a newer one replaced: memory need not show them.
    """

    accepted: int
    rejected: Mapping[str, int]
    rejected_by_loss: Mapping[str, Rejection] = field(default_factory=dict)
    superseded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FitReport:
    """All that determines the weights, beside the base.

    A run compares `dataset_hash` to see whether anything is new. `start` is the number of the
    version that a warm start went on from.
    """

    sentences: tuple[str, ...]
    start: int | None
    start_checksum: str | None
    dataset_hash: str | None
    training: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VersionReport:
    """What a version was taught, how it did, and what the gate said.

    `evaluation` holds the fields of `Evaluation` by name; a number that is not finite is None.
    `samples` are replies of the base and of the version to a few prompts; `curve` is the loss while
    it was fitted.
    """

    teacher: TeacherChoice | None = None
    rules: tuple[Rule, ...] = ()
    curation: CurationReport | None = None
    fit: FitReport | None = None
    evaluation: Mapping[str, float | None] = field(default_factory=dict)
    verdict: Verdict | None = None
    samples: tuple[ReplySample, ...] = ()
    curve: tuple[LossPhase, ...] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rejected_by_loss(self) -> Mapping[str, Rejection]:
        """The examples that the fit rejected by the base's losses, by id."""
        return self.curation.rejected_by_loss if self.curation else {}

    @property
    def superseded(self) -> tuple[str, ...]:
        """The ids of examples that a newer one replaced."""
        return self.curation.superseded if self.curation else ()

    @property
    def is_provisional(self) -> bool:
        """Whether the gate allowed it without significance."""
        return self.verdict is not None and self.verdict.outcome is Outcome.PROVISIONAL

    @property
    def replaces_memory(self) -> bool:
        """Whether memory stops showing what the version learned.

        Only if its replies were seen to follow the user's rules as often without memory as with it.
        A lower loss is no such proof, and a small distance from its teacher neither: then a poor
        version would cost the user a good memory.
        """
        alone = self.evaluation.get("compliance") or 0
        return is_as_compliant_alone(alone, self.evaluation.get("compliance_with_few_shot"))

    @property
    def was_taught_by_memory(self) -> bool:
        """Whether it learned what the base says with the user's memory in its prompt."""
        return self.teacher is not None and self.teacher.kind is TeacherKind.DEMONSTRATIONS

    def to_json(self) -> dict[str, Any]:
        """The report as it is stored and sent, without empty sections."""
        sections: dict[str, Any] = {
            "teacher": self.teacher and asdict(self.teacher),
            "rules": [{**asdict(rule), "sentence": rule.sentence} for rule in self.rules],
            "curation": self.curation and _curation_json(self.curation),
            "fit": self.fit and asdict(self.fit),
            "evaluation": finite(self.evaluation),
            "verdict": self.verdict
            and {
                "outcome": self.verdict.outcome.value,
                "reasons": list(self.verdict.reasons),
                "measures": [asdict(each) for each in self.verdict.measures],
            },
            "samples": [asdict(each) for each in self.samples],
            "curve": [asdict(each) for each in self.curve],
            "usage": finite(self.usage),
        }
        return {name: section for name, section in sections.items() if section}


def read_report(stored: Mapping[str, Any]) -> VersionReport:
    """Read what `to_json` or an earlier release wrote; other reports read as empty."""
    curation, fit, verdict = stored.get("curation"), stored.get("fit"), stored.get("verdict")
    teacher = stored.get("teacher")
    if "fitting" in stored:
        fit = {**stored["fitting"], "dataset_hash": stored["fitting"].get("rows")}
    return VersionReport(
        teacher=TeacherChoice(TeacherKind(teacher["kind"]), teacher["sentence"])
        if teacher
        else None,
        rules=_rules(stored),
        curation=_curation(curation) if curation else None,
        fit=_fit(fit) if fit else None,
        evaluation={
            _EARLIER_NAMES.get(name, name): value
            for name, value in stored.get("evaluation", {}).items()
        },
        verdict=_verdict(verdict) if verdict else None,
        samples=tuple(ReplySample(**each) for each in stored.get("samples", ())),
        curve=tuple(
            LossPhase(each["phase"], tuple((step, loss) for step, loss in each["points"]))
            for each in stored.get("curve", ())
        ),
        usage=stored.get("usage", {}),
    )


def report_of(version: AdapterVersion) -> VersionReport:
    """The report of one version."""
    return read_report(version.report)


def curation_report(
    filtered: Sequence[FilterResult], by_loss: Mapping[str, Rejection] | None = None
) -> CurationReport:
    """Count what the filters did; `by_loss` are the rejections of the training process."""
    late = by_loss or {}
    early = [result.rejection for result in filtered if result.rejection is not None]
    counts = tally(len(filtered), [*early, *late.values()])
    superseded = tuple(
        result.dated.id for result in filtered if result.rejection and result.rejection.other
    )
    return CurationReport(counts["accepted"], counts["rejected"], late, superseded)


def overridden_rules(version: AdapterVersion | None, prompt: str) -> tuple[Rule, ...]:
    """The rules of a version that a prompt overrides. If there are any, the base answers: a small
    model does not learn from examples when to break a habit."""
    return () if version is None else overridden(report_of(version).rules, prompt)


def finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace NaN and infinity, which JSON does not have, by None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
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


def _rules(stored: Mapping[str, Any]) -> tuple[Rule, ...]:
    pairs = stored.get("rule_values")
    if pairs is None:
        pairs = [(each["attribute"], each["value"]) for each in stored.get("rules", ())]
    # A report must stay readable after its attribute is gone.
    known = [(name, value) for name, value in pairs if name in ATTRIBUTES]
    return tuple(Rule(*each) for each in known if ATTRIBUTES[each[0]].is_value(each[1]))


def _curation(stored: Mapping[str, Any]) -> CurationReport:
    by_loss = stored.get("rejected_by_loss", stored.get("by_losses", {}))
    return CurationReport(
        accepted=stored.get("accepted", stored.get("kept", 0)),
        rejected=stored.get("rejected", stored.get("left_out", {})),
        rejected_by_loss={
            name: Rejection(RejectionReason(each["reason"]), each["why"])
            for name, each in by_loss.items()
            if each["reason"] in set(RejectionReason)
        },
        superseded=tuple(stored.get("superseded", ())),
    )


def _fit(stored: Mapping[str, Any]) -> FitReport:
    names = ("start", "start_checksum", "dataset_hash", "training")
    return FitReport(tuple(stored["sentences"]), **{name: stored[name] for name in names})


def _verdict(stored: Mapping[str, Any]) -> Verdict:
    outcome = "significant" if stored["outcome"] == "proven" else stored["outcome"]
    measures = tuple(map(read_measure, stored.get("measures", ())))
    return Verdict(Outcome(outcome), tuple(stored.get("reasons", ())), measures)
