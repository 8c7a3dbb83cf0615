"""What a teacher is asked, and what it is shown."""

from dataclasses import replace

from feedback.records import Message
from scheduler.teaching.prompts import NUM_INVENTED, NUM_TAUGHT, NUM_UNSEEN, curriculum
from tests.scheduler.training import make_example, make_rating

EXAMPLES = [make_example(f"question {n}", f"answer {n}") for n in range(3)]
EXCHANGES = [(f"generic {n}", f"reply {n}") for n in range(NUM_TAUGHT)]
INVENTED = [f"invented {n}" for n in range(NUM_UNSEEN + NUM_INVENTED + 5)]


def test_what_the_user_wrote_to_a_prompt_is_not_shown_with_it() -> None:
    *_, first, second, third = curriculum(EXAMPLES, INVENTED, EXCHANGES).taught
    assert [each.messages for each in (first, second, third)] == [e.messages for e in EXAMPLES]
    assert [each.reply for each in first.memory.demonstrations] == ["answer 1", "answer 2"]


def test_other_prompts_are_shown_all_that_the_user_wrote() -> None:
    found = curriculum(EXAMPLES, INVENTED, EXCHANGES)
    others = (*found.taught[: -len(EXAMPLES)], *found.unseen)
    assert all(len(each.memory.demonstrations) == len(EXAMPLES) for each in others)


def test_no_prompt_that_measures_is_learned_from() -> None:
    found = curriculum(EXAMPLES, INVENTED, EXCHANGES)
    asked = {each.messages[-1].content for each in found.taught}
    assert asked.isdisjoint(each.messages[-1].content for each in found.unseen)


def test_generic_prompts_fill_up_invented_ones() -> None:
    for invented in (INVENTED, INVENTED[:10], []):
        found = curriculum(EXAMPLES, invented, EXCHANGES)
        assert len(found.taught) == NUM_TAUGHT + len(EXAMPLES)
        assert len(found.unseen) == 12


def test_some_prompts_stand_after_an_exchange_that_the_teacher_does_not_see() -> None:
    found = curriculum(EXAMPLES, INVENTED, EXCHANGES).taught
    later = [each for each in found if len(each.messages) == 3]
    assert len(later) >= 4
    assert all(each.asked == each.messages[-1:] for each in later)
    assert all(each.messages[1].role == "assistant" for each in later)


def test_some_prompts_stand_under_a_system_prompt_that_both_see() -> None:
    found = curriculum(EXAMPLES, INVENTED, EXCHANGES).taught
    under = [each for each in found if each.messages[0].role == "system"]
    assert len(under) >= 4
    assert all(each.asked == each.messages for each in under)


def test_dislikes_are_not_shown() -> None:
    disliked = make_rating("question 9", "no", is_liked=False)
    found = curriculum([*EXAMPLES, disliked], INVENTED, EXCHANGES)
    assert found == curriculum(EXAMPLES, INVENTED, EXCHANGES)


def test_a_conversation_is_asked_whole() -> None:
    turns = (Message("system", "Be kind."), Message("user", "question 0"))
    example = replace(EXAMPLES[0], messages=turns)
    *_, own = curriculum([example], [], EXCHANGES).taught
    assert own.messages == own.asked == turns
