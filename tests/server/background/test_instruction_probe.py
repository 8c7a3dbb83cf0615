from server.background.instruction_probe import follows_most

FOLLOWING = (
    "isaac newton was a physicist.",
    "RAIN IS WATER.",
    "Dear friend, plants use light.",
    "Hello, Sam!",
    "La capitale est Rome.",
    "Green.",
)
USUAL = (
    "Isaac Newton was a physicist.",
    "Rain is water.",
    "Plants use light.",
    "Hello! How can I help?",
    "The capital of Italy is Rome.",
    "Grass is green.",
)


def test_replies_that_follow_the_instructions_pass() -> None:
    assert follows_most(FOLLOWING)


def test_usual_replies_do_not_pass() -> None:
    assert not follows_most(USUAL)
    assert not follows_most(FOLLOWING[:1] + USUAL[1:])
    assert not follows_most([""] * len(USUAL))


def test_two_of_six_instructions_may_be_ignored() -> None:
    assert follows_most(USUAL[:2] + FOLLOWING[2:])
    assert not follows_most(USUAL[:3] + FOLLOWING[3:])
