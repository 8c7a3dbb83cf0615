"""The kills: every named step with every victim, and random moments."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.crash.kills import Step, Victim


class Work(StrEnum):
    """What goes on when the kill comes. People chat, correct and delete beside most of it."""

    CHAT = "chat"
    BULK_IMPORT = "import of feedback"
    TRAINING = "training"
    ADAPTER_IMPORT = "import of an adapter"
    WITHDRAWAL = "withdrawal"
    START = "start"


@dataclass(frozen=True)
class Kill:
    """One kill; without a step at a random moment."""

    work: Work
    victim: Victim = Victim.SERVER
    step: Step | None = None
    is_child_real: bool = False

    def __str__(self) -> str:
        moment = "a random moment" if self.step is None else str(self.step)
        child = " (real child)" if self.is_child_real else ""
        return f"{self.victim} during {self.work}{child}, {moment}"


def before(function: str, call: int = 1) -> Step:
    """Before this call of a function."""
    return Step(function, False, call)


def after(function: str, call: int = 1) -> Step:
    """After this call of a function has returned."""
    return Step(function, True, call)


_PUBLISH = "adapters_store.files:AdapterFiles.publish"
_FLUSH = "adapters_store.durable:_flush"
_PUT = "adapters_store.trash:Trash.put"
_LOG = "feedback.store.log:FeedbackLog"
_REGISTRY = "adapters_store.registry:Registry"
_FINISH = "scheduler.run_store:RunStore.finish"
_CHECKPOINT = "server.database:SharedDatabase.checkpoint"
# The weights, their configuration and the card are flushed, then the folder itself.
BEFORE_FLUSHING_THE_FOLDER = before(_FLUSH, 4)
# The folder has its final name; the folder around it is not flushed yet.
RENAMED = before(_FLUSH, 5)

PUBLICATION = (
    before("scheduler.trainer.worker:_fetch"),
    after("scheduler.trainer.worker:_fetch"),
    before(_PUBLISH),
    before(_FLUSH),
    BEFORE_FLUSHING_THE_FOLDER,
    RENAMED,
    after(_PUBLISH),
    before(f"{_REGISTRY}.register"),
    after(f"{_REGISTRY}.register"),
    before(f"{_REGISTRY}.promote"),
    after(f"{_REGISTRY}.promote"),
    before(_FINISH),
    after(_FINISH),
    after("scheduler.retrain.publication:Publisher.publish"),
)
ADAPTER_IMPORT = (
    before(_PUBLISH),
    BEFORE_FLUSHING_THE_FOLDER,
    RENAMED,
    after(_PUBLISH),
    after(f"{_REGISTRY}.register"),
    after("server.routes.admin.adapters:register_adapter"),
    after(f"{_REGISTRY}.promote"),
)
WITHDRAWAL = (
    after(f"{_LOG}._remove"),
    before(f"{_REGISTRY}.withdraw"),
    after(f"{_REGISTRY}.withdraw"),
    after(f"{_LOG}.delete_feedback"),
    before(_CHECKPOINT),
    after(_CHECKPOINT),
)
CHAT = (
    before(f"{_LOG}.store", 3),
    after(f"{_LOG}.store", 3),
    after("server.chat.recording:Recorder._store", 3),
    before(f"{_LOG}._write", 2),
    after(f"{_LOG}._write", 2),
    after(f"{_LOG}.add_feedback", 2),
    after(f"{_LOG}._remove", 2),
    before(f"{_LOG}.rename_chat", 2),
    after(f"{_LOG}.rename_chat", 2),
    after(f"{_LOG}._delete_interaction"),
    after(f"{_LOG}.delete_interaction"),
)
BULK_IMPORT = (
    after(f"{_LOG}._import_interaction", 2),
    after(f"{_LOG}._import_feedback", 2),
    after(f"{_LOG}.import_rows"),
)
START = (
    before("adapters_store.files:AdapterFiles.sweep"),
    after("adapters_store.files:AdapterFiles.sweep"),
    before("scheduler.queues.table:QueueTable.fail_interrupted"),
    after("scheduler.queues.table:QueueTable.fail_interrupted"),
    before("adapters_store.files:AdapterFiles.remove_folders"),
    after("adapters_store.files:AdapterFiles.remove_folders"),
    after("server.services:Services.housekeep"),
    before(_CHECKPOINT),
)
THROWN_AWAY = (before(_PUT), after(_PUT))
CHILD = (
    Step("scheduler.trainer.train:fit_with_dagger", False, in_child=True),
    Step("scheduler.trainer.train:save_file", False, in_child=True),
    Step("scheduler.trainer.train:save_file", True, in_child=True),
    Step("scheduler.trainer.train:write_result", False, in_child=True),
    Step("scheduler.trainer.train:write_result", True, in_child=True),
)
QUICK_CHILD = (
    Step("__main__:write_adapter", False, in_child=True),
    Step("__main__:write_adapter", True, in_child=True),
    Step("__main__:write_result", True, in_child=True),
)
# How often each work is met at a random moment, out of 100.
_OFTEN = {
    Work.CHAT: 30,
    Work.BULK_IMPORT: 5,
    Work.TRAINING: 35,
    Work.ADAPTER_IMPORT: 10,
    Work.WITHDRAWAL: 12,
    Work.START: 8,
}
_REAL_CHILD_SHARE = 0.4


def ten_kills() -> list[Kill]:
    """The few that every run of the tests makes."""
    return [
        Kill(Work.CHAT),
        Kill(Work.TRAINING, Victim.BOTH, BEFORE_FLUSHING_THE_FOLDER),
        Kill(Work.TRAINING, Victim.SERVER, RENAMED),
        Kill(Work.START, Victim.SERVER, after(_PUT)),
        Kill(Work.TRAINING, Victim.SERVER, after(f"{_REGISTRY}.register")),
        Kill(Work.TRAINING, Victim.BOTH, after(_FINISH)),
        Kill(Work.TRAINING, Victim.CHILD, QUICK_CHILD[1]),
        Kill(Work.ADAPTER_IMPORT, Victim.SERVER, after(_PUBLISH)),
        Kill(Work.WITHDRAWAL, Victim.SERVER, after(f"{_REGISTRY}.withdraw")),
        Kill(Work.CHAT, Victim.SERVER, after(f"{_LOG}.add_feedback")),
    ]


def many_kills(number: int, random: Random) -> list[Kill]:
    """All named steps, then random moments until there are so many, in a random order.

    There are more if there are more named steps.
    """
    groups = list(_named())
    while sum(map(len, groups)) < number:
        groups.append([_at_random(random)])
    random.shuffle(groups)
    return [kill for group in groups for kill in group]


def _named() -> Iterator[list[Kill]]:
    """Groups of kills that follow each other."""
    for step in PUBLICATION:
        for victim in (Victim.SERVER, Victim.BOTH):
            yield [Kill(Work.TRAINING, victim, step)]
    for step in THROWN_AWAY:
        # A folder that the database does not name goes to the trash at the start after.
        renamed = Kill(Work.TRAINING, Victim.SERVER, RENAMED)
        yield [renamed, Kill(Work.START, Victim.SERVER, step)]
    for victim in Victim:
        yield from ([Kill(Work.TRAINING, victim, step, is_child_real=True)] for step in CHILD)
        yield from ([Kill(Work.TRAINING, victim, step)] for step in QUICK_CHILD)
    for work, steps in (
        (Work.CHAT, CHAT),
        (Work.BULK_IMPORT, BULK_IMPORT),
        (Work.ADAPTER_IMPORT, ADAPTER_IMPORT),
        (Work.WITHDRAWAL, WITHDRAWAL),
        (Work.START, START),
    ):
        yield from ([Kill(work, Victim.SERVER, step)] for step in steps)


def _at_random(random: Random) -> Kill:
    [work] = random.choices([*_OFTEN], [*_OFTEN.values()])
    if work is not Work.TRAINING:
        return Kill(work)
    is_real = random.random() < _REAL_CHILD_SHARE
    return Kill(work, random.choice([*Victim]), is_child_real=is_real)
