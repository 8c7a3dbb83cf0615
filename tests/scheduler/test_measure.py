"""Measures as they are stored, now and by earlier releases."""

import json
from dataclasses import asdict

from scheduler.measure import Measure, read_measure

MEASURE = Measure(
    "abstention", 0.25, 1.0, None, 16, 0.75, False, "It says so.", 0.001, ("Who am I?",)
)
EARLIER = {
    "name": "abstention",
    "base": 1.0,
    "adapter": 0.25,
    "count": 16,
    "is_refused": True,
    "sentence": "It says so.",
    "lost": ["Who am I?"],
}


def test_a_stored_measure_reads_back_as_it_was() -> None:
    assert read_measure(json.loads(json.dumps(asdict(MEASURE)))) == MEASURE


def test_a_measure_of_the_gate_without_examples_is_read() -> None:
    values = {name: value for name, value in asdict(MEASURE).items() if name != "examples"}
    assert read_measure(values).examples == ()


def test_a_measure_of_an_earlier_suite_is_read_with_the_base_as_its_bound() -> None:
    assert read_measure(EARLIER) == Measure(
        "abstention", 0.25, 1.0, None, 16, 1.0, False, "It says so.", examples=("Who am I?",)
    )
    assert read_measure({**EARLIER, "is_refused": False}).is_met
