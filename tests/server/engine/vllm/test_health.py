from server.engine.vllm.health import LONGEST_PAUSE, MOST_TIMEOUTS, Health


def test_a_server_is_left_out_from_its_first_failure() -> None:
    health = Health(is_up=True)
    health.note_failure(100.0)
    assert (health.is_up, health.next_check) == (False, 101.0)


def test_a_server_that_stays_away_is_asked_less_and_less() -> None:
    health, pauses = Health(), []
    for _ in range(8):
        health.note_failure(0.0)
        pauses.append(health.next_check)
    assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_busy_server_may_be_late_twice_in_a_row() -> None:
    health = Health(is_up=True)
    assert [health.note_timeout() for _ in range(MOST_TIMEOUTS)] == [False, False, True]
    health.note_success()
    assert not health.note_timeout()


def test_after_a_success_the_pauses_begin_anew() -> None:
    health = Health()
    for _ in range(5):
        health.note_failure(0.0)
    health.note_success()
    health.note_failure(0.0)
    assert health.next_check == 1.0
