"""What users share with the organisation, and its documents."""

from collections.abc import Collection

import pytest
from sqlite_utils import Database

from feedback.errors import NotFoundError, QuotaExceededError
from feedback.examples.build import build_examples
from feedback.records import ORGANISATION, Document, DocumentQuestion, OrganisationChoice
from feedback.store import documents as documents_module
from feedback.store.documents import Documents
from feedback.store.log import FeedbackLog
from tests.feedback.make import make_feedback, make_interaction

Withdrawn = list[tuple[str, frozenset[str]]]


@pytest.fixture
def withdrawn() -> Withdrawn:
    """Whose examples were taken away, and which."""
    return []


@pytest.fixture
def log(withdrawn: Withdrawn) -> FeedbackLog:
    def note(user_id: str, example_ids: Collection[str], at: float) -> None:
        withdrawn.append((user_id, frozenset(example_ids)))

    return FeedbackLog(Database(memory=True), clock=lambda: 500.0, on_withdrawal=note)


def database(log: FeedbackLog) -> Database:
    return log._database


@pytest.fixture
def documents(log: FeedbackLog) -> Documents:
    return Documents(database(log), log, clock=lambda: 500.0)


def choose(log: FeedbackLog, user_id: str = "ann", *, shares: bool, uses: bool = True) -> None:
    log.choose(OrganisationChoice(user_id, shares, uses, 300.0))


def correct(log: FeedbackLog, user_id: str = "ann") -> frozenset[str]:
    """Have a user correct a reply; the ids of the examples that this makes."""
    log.store(make_interaction(f"chatcmpl-{user_id}", user_id))
    log.add_feedback(make_feedback(user_id=user_id, target=f"chatcmpl-{user_id}", correction="Oui"))
    return frozenset(each.id for each in build_examples(*log.turns_with_feedback(user_id)))


def changes(log: FeedbackLog) -> int:
    """How much is new to the organisation."""
    return log.feedback_since(ORGANISATION, 0)


def test_nobody_shares_and_everybody_uses_it_without_a_choice(log: FeedbackLog) -> None:
    assert log.choice("ann") == OrganisationChoice("ann", shares=False, uses=True)
    assert log.contributors(ORGANISATION) == (ORGANISATION,)


def test_only_the_organisation_learns_of_those_who_share(log: FeedbackLog) -> None:
    choose(log, "bob", shares=True)
    choose(log, "ann", shares=True)
    choose(log, "bob", shares=False)
    assert log.contributors(ORGANISATION) == (ORGANISATION, "ann")
    assert log.contributors("bob") == ("bob",)


def test_every_choice_is_kept_and_the_same_again_is_none(log: FeedbackLog) -> None:
    for shares in (True, True, False):
        choose(log, shares=shares)
    assert [each.shares for each in log.choices("ann")] == [False, True]


def test_who_stops_sharing_takes_back_every_example(log: FeedbackLog, withdrawn: Withdrawn) -> None:
    choose(log, shares=True)
    ids = correct(log)
    choose(log, shares=False)
    [(owner, gone)] = withdrawn
    assert owner == ORGANISATION
    assert gone >= ids > frozenset()


def test_to_use_it_no_longer_takes_nothing_back(log: FeedbackLog, withdrawn: Withdrawn) -> None:
    choose(log, shares=True)
    correct(log)
    choose(log, shares=True, uses=False)
    assert withdrawn == []


@pytest.mark.parametrize("shares", [True, False])
def test_deleted_feedback_is_taken_from_the_organisation_of_those_who_share(
    log: FeedbackLog, withdrawn: Withdrawn, shares: bool
) -> None:
    choose(log, shares=shares)
    correct(log)
    log.delete_feedback("ann", "feedback-1", 400.0)
    owners = {"ann", ORGANISATION} if shares else {"ann"}
    assert {owner for owner, _ in withdrawn} == owners


def test_an_erased_user_leaves_the_organisation(log: FeedbackLog, withdrawn: Withdrawn) -> None:
    choose(log, shares=True)
    ids = correct(log)
    log.erase("ann")
    assert [owner for owner, gone in withdrawn if gone >= ids] == [ORGANISATION]
    assert log.choices("ann") == []


def test_feedback_of_those_who_share_is_new_to_the_organisation(log: FeedbackLog) -> None:
    correct(log, "bob")
    assert changes(log) == 0
    choose(log, shares=True)
    before = changes(log)
    correct(log)
    assert changes(log) == before + 1


def add(documents: Documents, name: str = "Handbook") -> Document:
    return documents.add(name, "The office opens at 9.", by="admin")


QUESTION = DocumentQuestion(
    "When does the office open?", "The office opens at 9.", "I do not know."
)


def test_a_document_is_unread_until_its_questions_are_stored(documents: Documents) -> None:
    document = add(documents)
    assert not documents.document(document.id).is_read
    documents.store_questions(document.id, [QUESTION], rejected=2, model="tiny")
    read = documents.document(document.id)
    assert (read.is_read, read.num_questions, read.num_rejected) == (True, 1, 2)
    assert documents.questions(document.id) == [QUESTION]


def test_a_question_is_an_example_of_the_organisation(
    documents: Documents, log: FeedbackLog
) -> None:
    document = add(documents)
    documents.store_questions(document.id, [QUESTION], rejected=0, model="tiny")
    examples = build_examples(*log.turns_with_feedback(ORGANISATION))
    assert {each.chosen for each in examples} == {QUESTION.answer}
    assert all(documents_module.is_of_document(each.conversation_id) for each in examples)


def test_a_deleted_document_takes_its_questions_with_it(
    documents: Documents, log: FeedbackLog, withdrawn: Withdrawn
) -> None:
    document = add(documents)
    documents.store_questions(document.id, [QUESTION], rejected=0, model="tiny")
    documents.delete(document.id, by="admin")
    assert [owner for owner, _ in withdrawn] == [ORGANISATION]
    assert not any(log.turns_with_feedback(ORGANISATION))
    assert documents.all() == []
    with pytest.raises(NotFoundError):
        documents.document(document.id)


def test_the_questions_of_a_document_that_was_deleted_meanwhile_are_dropped(
    documents: Documents, log: FeedbackLog
) -> None:
    document = add(documents)
    documents.delete(document.id, by="admin")
    documents.store_questions(document.id, [QUESTION], rejected=0, model="tiny")
    assert log.counts(ORGANISATION).feedback == 0


def test_questions_about_documents_do_not_expire(documents: Documents, log: FeedbackLog) -> None:
    document = add(documents)
    documents.store_questions(document.id, [QUESTION], rejected=0, model="tiny")
    assert log.expire(1e9, 10) == 0
    assert documents.questions(document.id) == [QUESTION]


def test_a_new_document_is_new_to_the_organisation(documents: Documents, log: FeedbackLog) -> None:
    add(documents)
    assert changes(log) == 1


def test_there_is_a_bound_on_documents(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents_module, "MAX_DOCUMENTS", 1)
    add(documents)
    with pytest.raises(QuotaExceededError):
        add(documents, "another")


def test_erasing_the_organisation_erases_its_documents(
    documents: Documents, log: FeedbackLog
) -> None:
    add(documents)
    log.erase(ORGANISATION)
    assert documents.all() == []
