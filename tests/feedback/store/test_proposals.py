"""The stored proposals, and the decisions on them."""

import pytest

from feedback.errors import InvalidFeedbackError, NotFoundError
from feedback.proposals.records import MAX_DROPPED, ProposalStatus
from feedback.store.log import FeedbackLog
from feedback.store.proposals import ProposalStore
from tests.feedback.make import make_proposal

APPROVED, DROPPED = ProposalStatus.APPROVED, ProposalStatus.DROPPED


@pytest.fixture
def store(proposals: ProposalStore) -> ProposalStore:
    """One proposal of ann's."""
    proposals.add([make_proposal(rules=("Uses no emoji.",))])
    return proposals


def test_a_proposal_is_stored_and_read_back(store: ProposalStore) -> None:
    assert store.all_of("ann") == [make_proposal(rules=("Uses no emoji.",))]


def test_a_proposal_counts_only_once_it_is_approved(store: ProposalStore, log: FeedbackLog) -> None:
    assert (log.approved("ann"), log.feedback_since("ann", 0.0)) == ([], 0)
    approved = store.change("ann", "proposal-1", now=400.0, status=APPROVED)
    assert log.approved("ann") == [approved]
    assert log.feedback_since("ann", 399.0) == 1


def test_withdrawing_an_approval_counts_as_feedback(store: ProposalStore, log: FeedbackLog) -> None:
    store.change("ann", "proposal-1", now=400.0, status=APPROVED)
    store.change("ann", "proposal-1", now=500.0, status=DROPPED)
    assert (log.approved("ann"), log.feedback_since("ann", 450.0)) == ([], 1)


def test_deleting_an_approved_proposal_counts_as_feedback(
    store: ProposalStore, log: FeedbackLog
) -> None:
    store.change("ann", "proposal-1", now=400.0, status=APPROVED)
    store.delete("ann", "proposal-1", now=500.0)
    assert (store.all_of("ann"), log.feedback_since("ann", 450.0)) == ([], 1)


def test_dropping_an_open_proposal_does_not_count_as_feedback(
    store: ProposalStore, log: FeedbackLog
) -> None:
    store.change("ann", "proposal-1", now=400.0, status=DROPPED)
    assert log.feedback_since("ann", 0.0) == 0


def test_approving_twice_counts_once(store: ProposalStore, log: FeedbackLog) -> None:
    first = store.change("ann", "proposal-1", now=400.0, status=APPROVED)
    assert store.change("ann", "proposal-1", now=500.0, status=APPROVED) == first
    assert log.feedback_since("ann", 450.0) == 0


def test_only_an_edited_reply_makes_a_proposal_edited(store: ProposalStore) -> None:
    asked = store.change("ann", "proposal-1", now=400.0, instruction="Norway's capital?")
    assert (asked.instruction, asked.is_edited) == ("Norway's capital?", False)
    edited = store.change("ann", "proposal-1", now=401.0, reply="Oslo.", status=APPROVED)
    assert (edited.reply, edited.is_edited, edited.status) == ("Oslo.", True, APPROVED)
    assert edited.written == "Oslo is the capital of Norway."
    assert not store.change("ann", "proposal-1", now=402.0, reply=edited.proposed).is_edited


@pytest.mark.parametrize("param", ["instruction", "reply"])
def test_an_empty_text_is_refused(store: ProposalStore, param: str) -> None:
    with pytest.raises(InvalidFeedbackError) as refused:
        store.change("ann", "proposal-1", now=400.0, status=APPROVED, **{param: " \n"})
    assert refused.value.param == param
    assert store.counts("ann")[APPROVED] == 0


def test_another_users_proposal_is_unknown(store: ProposalStore) -> None:
    with pytest.raises(NotFoundError):
        store.change("bob", "proposal-1", now=400.0, status=APPROVED)
    with pytest.raises(NotFoundError):
        store.delete("bob", "proposal-1", now=400.0)
    assert store.all_of("bob") == []


def test_pages_follow_each_other_by_age(proposals: ProposalStore) -> None:
    made = [make_proposal(f"proposal-{i}", created_at=float(i)) for i in range(5)]
    proposals.add(made[::-1])
    proposals.change("ann", "proposal-1", now=9.0, status=DROPPED)
    first, more = proposals.page("ann", status=ProposalStatus.PROPOSED, after=None, limit=2)
    assert ([each.id for each in first], more) == (["proposal-0", "proposal-2"], True)
    rest, more = proposals.page("ann", status=ProposalStatus.PROPOSED, after=first[-1].id, limit=2)
    assert ([each.id for each in rest], more) == (["proposal-3", "proposal-4"], False)


def test_only_the_newest_dropped_proposals_are_stored(proposals: ProposalStore) -> None:
    dropped = [
        make_proposal(f"proposal-{i}", status=DROPPED, decided_at=float(i))
        for i in range(MAX_DROPPED + 2)
    ]
    proposals.add([*dropped, make_proposal("approved", status=APPROVED, decided_at=0.0)])
    stored = {each.id for each in proposals.all_of("ann")}
    assert len(stored) == MAX_DROPPED + 1
    assert stored.isdisjoint({"proposal-0", "proposal-1"}) and "approved" in stored


def test_an_imported_approval_counts_as_feedback(
    log: FeedbackLog, proposals: ProposalStore
) -> None:
    proposals.add([make_proposal(status=APPROVED, decided_at=301.0)])
    rows = list(log.export("ann"))
    log.import_rows("zoe", rows)
    assert [each.user_id for each in log.approved("zoe")] == ["zoe"]
    assert log.feedback_since("zoe", 0.0) == 1


def test_an_erased_user_has_no_proposals(log: FeedbackLog, store: ProposalStore) -> None:
    store.add([make_proposal(user_id="bob")])
    assert log.erase("ann") == 1
    assert store.all_of("ann") == []
    assert len(store.all_of("bob")) == 1
