from server.background.instruction_probe import follows_most

HEEDING = (
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


def test_replies_that_do_what_the_notes_say_show_that_notes_help() -> None:
    assert follows_most(HEEDING)


def test_usual_replies_show_that_notes_do_not_help() -> None:
    assert not follows_most(USUAL)
    assert not follows_most(HEEDING[:1] + USUAL[1:])
    assert not follows_most([""] * len(USUAL))


def test_two_of_six_notes_may_go_unheeded() -> None:
    assert follows_most(USUAL[:2] + HEEDING[2:])
    assert not follows_most(USUAL[:3] + HEEDING[3:])
