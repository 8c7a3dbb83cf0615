"""Approved proposals are trained on like feedback, and forgotten like it."""

from pathlib import Path

import pytest
from sqlite_utils import Database

from feedback.proposals.records import ProposalStatus
from feedback.records import ExampleSource
from feedback.store.proposals import ProposalStore
from scheduler.records import RunStatus
from tests.feedback.make import make_proposal
from tests.scheduler.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, Database(memory=True))


@pytest.fixture
def proposals(world: World) -> ProposalStore:
    """Two proposals for ann; the first is approved."""
    store = ProposalStore(world.database)
    store.add([make_proposal("one"), make_proposal("two", instruction="Who was Ada Lovelace?")])
    store.change("ann", "one", now=world.now, status=ProposalStatus.APPROVED)
    return store


def test_only_an_approved_proposal_is_trained_on(world: World, proposals: ProposalStore) -> None:
    world.correct("ann", "question")
    world.train("ann")
    trained = [
        e for e in world.trainer.datasets[0].train if e.source == ExampleSource.APPROVED_PROPOSAL
    ]
    assert [example.feedback_ids for example in trained] == [("one",)]
    assert {example.id for example in trained} <= set(world.active("ann").example_ids)


def test_a_proposal_is_not_trained_on_once_its_approval_is_withdrawn(
    world: World, proposals: ProposalStore
) -> None:
    world.correct("ann", "question")
    world.train("ann")
    world.now += 1.0
    proposals.change("ann", "one", now=world.now, status=ProposalStatus.DROPPED)
    assert world.candidates.of("ann", world.now).new_feedback == 1
    assert world.train("ann").version == 2
    assert ExampleSource.APPROVED_PROPOSAL not in {
        example.source for example in world.trainer.datasets[1].train
    }


def test_withdrawing_all_approvals_returns_to_the_base(
    world: World, proposals: ProposalStore
) -> None:
    world.train("ann")
    assert world.active("ann").number == 1
    proposals.delete("ann", "one", now=world.now)
    assert world.train("ann").status is RunStatus.PROMOTED
    assert world.registry.active("ann") is None
