from dataclasses import replace

from tests.soak.samples import Sample, growths

STEADY = Sample(memory=1_000_000, open_files=40, database=1_000_000, exchanges=1000)


def test_what_stays_the_same_has_not_grown() -> None:
    assert growths([STEADY] * 30) == []


def test_what_grows_to_the_end_is_named() -> None:
    leaking = [replace(STEADY, memory=1_000_000 + 2000 * minute) for minute in range(30)]
    assert growths(leaking) == ["memory grew by 2.9%, from 1,024,000 to 1,054,000"]
    more_files = [replace(STEADY, open_files=40 + minute) for minute in range(30)]
    assert growths(more_files) == ["open files grew by 28.8%, from 52 to 67"]


def test_growth_in_the_first_third_does_not_count() -> None:
    warm = [replace(STEADY, memory=100_000 * minute) for minute in range(10)]
    assert growths([*warm, *[STEADY] * 20]) == []


def test_a_single_peak_does_not_count() -> None:
    peak = replace(STEADY, memory=5_000_000, open_files=400, database=5_000_000)
    assert growths([*[STEADY] * 29, peak]) == []
    assert growths([*[STEADY] * 27, peak, STEADY, STEADY]) == []


def test_two_open_files_more_may_be_a_training() -> None:
    later = replace(STEADY, open_files=42)
    assert growths([*[STEADY] * 20, *[later] * 10]) == []
