"""Views of the command line: the admin API's JSON as tables, bars and sentences."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from feedback.text.counts import count
from scheduler.version_report import CurationReport, read_report

Json = dict[str, Any]

_STYLES = {
    "promoted": "green",
    "passed": "green",
    "significant": "green",
    "provisional": "cyan",
    "running": "cyan",
    "refused": "yellow",
    "cancelled": "yellow",
    "failed": "red",
}


def users_table(users: Sequence[Json]) -> Table:
    """Every account: its version in use, its chats and feedback."""
    table = _table("Name", "Kind", "In use", "Chats", "Feedback", "Last seen")
    table.caption = "\n".join(
        f"{count(each['anonymous']['requests'], 'request')} of {escape(each['name'])} named nobody:"
        f" {each['anonymous']['remedy']}"
        for each in users
        if each["anonymous"]
    )
    for user in users:
        counts = user["counts"]
        table.add_row(
            _person(user),
            user["kind"],
            _adapter(user["adapter"], user["frozen"]),
            str(counts["interactions"]),
            str(counts["feedback"]),
            _when(user["last_seen_at"]),
        )
    return table


def adapters_table(adapters: Sequence[Json]) -> Table:
    """One line per user: the version in use, and what it learned from."""
    headings = ("User", "In use", "Learned from", "New feedback", "Versions", "Size")
    table = _table(*headings, "Trained for", "Last training")
    for adapter in adapters:
        run = adapter["last_run"]
        table.add_row(
            escape(adapter["name"]),
            _adapter(adapter["active"], adapter["frozen"]),
            count(adapter["learned"], "example"),
            str(adapter["new_feedback"]),
            str(adapter["versions"]),
            size(adapter["size_bytes"]),
            _usage(adapter["usage"]),
            Text.assemble(_state(run["status"]), f" {_when(run['finished_at'])}") if run else "–",
        )
    return table


def versions_table(versions: Sequence[Json]) -> Table:
    """A user's versions, newest first."""
    headings = ("Version", "Parent", "Examples", "Train loss", "Held-out loss", "Verdict")
    table = _table(*headings, "Size", "Made")
    for version in versions:
        report = read_report(version["report"])
        active = " in use" if version["active"] else ""
        withdrawn = " withdrawn" if version["withdrawn_at"] else ""
        table.add_row(
            Text.assemble((version["label"], "bold"), (active, "green"), (withdrawn, "yellow")),
            version["parent"] or "–",
            str(version["examples"]),
            _change(report.evaluation, "train_loss_before", "train_loss_after"),
            _change(report.evaluation, "held_out_loss_base", "held_out_loss"),
            _state(report.verdict.outcome) if report.verdict else "–",
            size(version["size_bytes"]),
            f"{_when(version['created_at'])} by {escape(version['created_by'])}",
        )
    return table


def adapter_view(adapter: Json) -> RenderableType:
    """One user: state, versions with the reasons of their verdicts, and promotions."""
    title = Text.assemble(
        (adapter["name"], "bold"),
        f" uses {_named(adapter['active'])}",
        " (frozen)" if adapter["frozen"] else "",
        f"; {adapter['due']['reason']}; trained for {_usage(adapter['usage'])}",
    )
    if not adapter["versions"]:
        return title
    moves = _table("When", "From", "To", "By", "Why")
    for move in adapter["promotions"]:
        why = escape(move["reason"])
        moves.add_row(_when(move["at"]), move["from"], move["to"], escape(move["by"]), why)
    reasons = [
        _reasons(version["label"], verdict.reasons)
        for version in adapter["versions"]
        if (verdict := read_report(version["report"]).verdict)
    ]
    return Group(title, versions_table(adapter["versions"]), *reasons, moves)


def version_view(version: Json) -> RenderableType:
    """Everything about one version."""
    facts = Table.grid(padding=(0, 2))
    report = read_report(version["report"])
    values = {
        "Parent": version["parent"] or "none",
        "Made": f"{_when(version['created_at'])} by {version['created_by']}",
        "Run": version["run_id"],
        "Learned from": count(version["examples"], "example"),
        "Rules": " ".join(rule.sentence for rule in report.rules) or None,
        "Curation": _curation_counts(report.curation) if report.curation else None,
        "Fit": " ".join(report.fit.sentences) if report.fit else None,
        "Dataset": version["dataset_hash"],
        "Seed": version["seed"],
        "LoRA": f"rank {version['lora']['rank']}, alpha {version['lora']['alpha']}",
        "Base": f"{version['base_model']} {version['base_revision']}",
        "Checksum": version["checksum"],
        "Size": size(version["size_bytes"]),
        **{
            name.replace("_", " "): value
            for name, value in {**report.evaluation, **report.usage}.items()
        },
    }
    for name, value in values.items():
        if value is not None:
            facts.add_row(Text(name, "dim"), Text(_plain(value), overflow="fold"))
    parts: list[RenderableType] = [versions_table([version]), facts]
    if report.verdict:
        parts.append(_reasons(version["label"], report.verdict.reasons))
    if version["suite"]:
        parts.append(suite_view(version["suite"]))
    return Group(*parts)


def curation_view(curation: Json) -> RenderableType:
    """Every example, accepted or rejected and why; the unused feedback; the coverage."""
    parts: list[RenderableType] = [
        Text(_curation_counts(CurationReport(curation["accepted"], curation["rejected"])), "bold")
    ]
    if curation["examples"]:
        examples = _table("Filter", "From", "Prompt", "Reply", "Why")
        for each in curation["examples"]:
            why = [each["why"], f"See {each['other'][:8]}."] if each["other"] else [each["why"]]
            notes = [Text(" ".join(filter(None, why)))]
            notes += [Text(warning, "yellow") for warning in each["warnings"]]
            examples.add_row(
                Text.assemble(_acceptance(each), f"\n{each['id'][:8]}"),
                f"{each['source']}, {each['kind']}",
                Text(each["prompt"]),
                Text(each["reply"]),
                Text("\n").join(note for note in notes if note),
            )
        parts.append(examples)
    if curation["unused"]:
        unused = _table("Feedback", "Why it makes no example")
        for feedback in curation["unused"]:
            unused.add_row(Text(feedback["id"]), feedback["why"])
        parts.append(unused)
    if curation["coverage"]["kinds"]:
        kinds = _table("Prompts that ask for", "Taught", "Asked recently")
        for each in curation["coverage"]["kinds"]:
            kinds.add_row(each["kind"], str(each["taught"]), str(each["asked"]))
        parts.append(kinds)
        parts += [Text(warning, "yellow") for warning in curation["coverage"]["warnings"]]
    return Group(*parts)


def run_outcome(run: Json) -> RenderableType:
    """How a training ended, and why."""
    title = Text.assemble("Training ", _state(run["status"]))
    lines = [run["reason"]] if run["reason"] else []
    report = read_report(run["report"])
    reasons = report.verdict.reasons if report.verdict else ()
    lines += [reason for reason in reasons if reason not in lines]
    if report.curation and report.curation.rejected:
        lines.append(_curation_counts(report.curation))
    if run["version"] and run["status"] == "promoted":
        lines.append(f"{run['version']} is now in use.")
    body = Text("\n".join(lines) or "No reason was given.")
    return Panel(body, title=title, title_align="left", border_style=_STYLES.get(run["status"], ""))


def suite_view(run: Json) -> RenderableType:
    """The evaluation suite's measures of a version and of the base model, and the verdict."""
    title = Text.assemble("Evaluation suite of ", run["version"], ": ", _state(run["status"]))
    if not run["measures"]:
        return Panel(Text(run["reason"]), title=title, title_align="left")
    table = _table("Measure", "Base", run["version"], "Verdict")
    for each in run["measures"]:
        table.add_row(
            each["name"],
            f"{each['base']:.0%}",
            Text(f"{each['candidate']:.0%}", "" if each["is_met"] else "red"),
            Text(each["sentence"]),
        )
    return Group(title, table, Text(run["reason"]))


def follow_run(console: Console, changes: Iterator[Json]) -> Json:
    """Show a run's progress until it ends, and return the run as it ended.

    `changes` is the run on every change, at least once.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("queued", total=1.0)
        for run in changes:
            progress = run["progress"]
            loss = "" if progress["loss"] is None else f", loss {progress['loss']:.2f}"
            bar.update(task, completed=progress["fraction"], description=progress["phase"] + loss)
    return run


@contextmanager
def model_progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show how the base model is fetched; yields a `download.Progress`."""
    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        tasks: dict[str, TaskID] = {}

        def show(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                for earlier in tasks.values():
                    bar.update(earlier, total=1, completed=1)
                tasks[phase] = bar.add_task(f"Base model: {phase}", total=None, amount="")
            amount = f"{size(done)} of {size(total)}" if total > 1 else ""
            bar.update(tasks[phase], completed=done, total=total or None, amount=amount)

        yield show


def size(size_bytes: int) -> str:
    """A size for people, such as 1.9 MB."""
    value = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def _person(user: Json) -> Text:
    """The account's name, and beside it what its frontend calls the user."""
    called = f" {user['display_name']}" if user["display_name"] else ""
    return Text.assemble(user["name"], (called, "dim"))


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _acceptance(example: Json) -> Text:
    if not example["accepted"]:
        return Text(example["reason"], "red")
    return Text("accepted", "yellow" if example["warnings"] else "green")


def _curation_counts(report: CurationReport) -> str:
    """Such as "12 examples accepted, 3 rejected: 2 near-duplicate, 1 secret."."""
    named = ", ".join(f"{number} {reason}" for reason, number in report.rejected.items())
    rejected = f"{sum(report.rejected.values())} rejected: {named}" if named else "none rejected"
    return f"{count(report.accepted, 'example')} accepted, {rejected}."


def _reasons(label: str, reasons: Sequence[str]) -> RenderableType:
    return Panel(Text("\n".join(reasons)), title=f"Why {label}", title_align="left", expand=False)


def _state(state: str) -> Text:
    return Text(state, _STYLES.get(state, ""))


def _adapter(adapter: str, frozen: bool) -> Text:
    return Text.assemble(_named(adapter), (" frozen" if frozen else "", "yellow"))


def _named(adapter: str) -> str:
    return "the base model" if adapter == "base" else adapter


def _change(evaluation: Mapping[str, Any], before: str, after: str) -> str:
    values = evaluation.get(before), evaluation.get(after)
    return "–" if None in values else f"{values[0]:.2f} → {values[1]:.2f}"


def _usage(usage: Json) -> str:
    """Device time, and its cost if a price is set, such as 95 s, 0.0660."""
    seconds, cost = usage["device_seconds"], usage.get("cost")
    time_used = f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
    return time_used if cost is None else f"{time_used}, {cost:,.{2 if cost >= 1 else 4}f}"


def _when(seconds: float | None) -> str:
    return "–" if seconds is None else datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
