"""Plain questions are answered in any form."""

import re

import pytest

from scheduler.evaluation.plain_questions import PLAIN_QUESTIONS, are_answered

ANSWERS = (
    "It is 12.",
    "36",
    "`print(25)`",
    "9, of course",
    "the result is 42",
    "En 1945.",
    "Au",
    "H₂O",
    "William Shakespeare",
    "LEONARDO DA VINCI",
    "albert einstein",
    "Neil Armstrong",
    "Tokio",
    "Roma",
    "In Frankreich",
    "El océano Pacífico",
    "the yen",
    "Ocho",
    "Sechs",
    "Merkur ist es",
    "54",
    "cinquenta: 50",
    "that is 45",
    "siete días",
    "Douze mois",
    "sixty",
    "in 1914",
    "1989.",
    "Ag (argentum)",
    "fe",
    "MADRID",
    "berlino, no: Berlín",
    "Pekín",
    "El Cairo",
    "j. k. rowling",
    "George Washington",
    "Cristóbal Colón",
    "Mount Everest",
    "Marte",
    "the US dollar",
)
WRONG = ("It is 13.", "I do not know.", "", "112 or 1955", "Lisbon", "Fra Angelico and Goethe")


def test_right_answers_count_in_any_language_and_form() -> None:
    assert all(are_answered(ANSWERS))


@pytest.mark.parametrize("reply", WRONG)
def test_wrong_answers_do_not_count(reply: str) -> None:
    assert not any(are_answered([reply] * len(PLAIN_QUESTIONS)))


def test_no_question_holds_its_answer() -> None:
    held = [q.text for q in PLAIN_QUESTIONS if re.search(q.answer, q.text, re.IGNORECASE)]
    assert held == []
