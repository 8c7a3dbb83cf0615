"""The checks of hand-written users tell right replies from wrong ones."""

import json
from typing import Any

import pytest

from tests.benchmarks.real_users.user import FOLDER, RealUser, read_user

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def known(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["known_replies"]


@pytest.fixture(params=NAMES)
def user(request: pytest.FixtureRequest) -> RealUser:
    return read_user(FOLDER / f"{request.param}.json")


def test_there_are_twelve_users_of_eight_kinds() -> None:
    users = [read_user(FOLDER / f"{name}.json") for name in NAMES]
    assert len(users) >= 12
    assert len({user.kind for user in users}) >= 8
    assert sum(not user.is_attribute for user in users) >= 8
    assert 0.4 <= sum(user.held_out for user in users) / len(users) <= 0.6


def test_a_user_has_twenty_lessons_and_sixteen_unseen_prompts(user: RealUser) -> None:
    assert len(user.lessons) == 20
    assert all((lesson.wanted is None) != (lesson.comment is None) for lesson in user.lessons)
    assert len(user.unseen) == 16
    assert len(user.plain) >= 4
    prompts = [lesson.prompt for lesson in user.lessons]
    prompts += [question.prompt for question in (*user.unseen, *user.plain)]
    assert len(set(prompts)) == len(prompts)


def test_most_replies_of_the_base_are_refused(user: RealUser) -> None:
    replies = known(user.name)["base"]
    accepted = map(user.accepts, user.unseen, replies)
    assert len(replies) == 16
    assert sum(accepted) <= 3


def test_right_replies_are_accepted(user: RealUser) -> None:
    right = known(user.name)["right"]
    assert len(right) == 3
    for each in right:
        assert user.accepts(user.unseen[each["unseen"]], each["reply"]), each["reply"]


def test_the_right_form_with_wrong_content_is_refused(user: RealUser) -> None:
    wrong = known(user.name)["wrong_content"]
    assert not user.accepts(user.unseen[wrong["unseen"]], wrong["reply"])


def test_copied_looped_and_empty_replies_are_refused(user: RealUser) -> None:
    right = known(user.name)["right"][0]
    looped = " ".join([right["reply"]] * 8)
    copies = [lesson.wanted for lesson in user.lessons if lesson.wanted]
    for reply in ("", " \n", looped, *copies):
        refused = [question for question in user.unseen if not user.accepts(question, reply)]
        assert len(refused) == 16, reply


def test_plain_questions_are_answered_in_any_form(user: RealUser) -> None:
    for question in user.plain:
        assert question.needs
        assert not question.is_answered("")
