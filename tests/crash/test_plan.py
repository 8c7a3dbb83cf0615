from random import Random

from tests.crash.plan import PUBLICATION, many_kills


def test_the_same_seed_makes_the_same_kills() -> None:
    assert many_kills(200, Random(1)) == many_kills(200, Random(1)) != many_kills(200, Random(2))


def test_there_are_200_kills_and_every_step_of_a_publication_is_among_them() -> None:
    kills = many_kills(200, Random(3))
    assert len(kills) == 200
    assert {kill.step for kill in kills} >= set(PUBLICATION)
