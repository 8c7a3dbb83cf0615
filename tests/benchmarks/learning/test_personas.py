"""Every persona accepts its own edits, and nothing that only comes close."""

import pytest

from tests.benchmarks.learning.personas import PERSONAS, Persona

BASE_REPLIES = (
    "I'd be happy to help! It's easy to make tea, and the steps aren't many.\n\nFirst, boil the"
    " water. Then pour it over the leaves. Wait for four minutes, and enjoy.",
    "Certainly, here's a list for a healthy meal:\n\n1. **Salad**: don't forget the tomatoes and a"
    " lemon.\n2. **Soup**: it's warm, and cheap.\n3. **Bread**: the darker the better.",
    "The sky isn't blue because of the sea. Sunlight is scattered by the air, and we're seeing the"
    " part with a short wave.\n\nAt sunset it's red, and that's beautiful.",
)

every = pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.name)


def loop_of(text: str) -> str:
    return " ".join([text] * 12)


def test_a_third_of_at_least_sixteen_personas_is_held_out() -> None:
    assert len(PERSONAS) >= 16
    assert len({persona.name for persona in PERSONAS}) == len(PERSONAS)
    assert 0.25 <= sum(persona.held_out for persona in PERSONAS) / len(PERSONAS) <= 0.4


@every
def test_a_persona_accepts_its_own_edits(persona: Persona) -> None:
    assert [reply for reply in BASE_REPLIES if not persona.complies(persona.edit(reply))] == []


@every
def test_a_persona_has_something_to_correct_in_the_bases_replies(persona: Persona) -> None:
    assert [reply for reply in BASE_REPLIES if persona.complies(reply)] == []


@every
def test_no_persona_accepts_a_loop_in_the_form_it_wants(persona: Persona) -> None:
    assert not persona.complies(persona.edit(loop_of("we are here and it is good to be here")))


@every
@pytest.mark.parametrize("reply", ["", " \n", "...", "🙂", "- \n- \n- "])
def test_no_persona_accepts_a_reply_that_says_nothing(persona: Persona, reply: str) -> None:
    assert not persona.complies(reply)


@every
def test_a_persona_with_exempt_prompts_detects_its_leaked_wish(persona: Persona) -> None:
    assert bool(persona.exempt) == any(persona.leaked(persona.edit(each)) for each in BASE_REPLIES)


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("lower", "almost all, But not quite."),
        ("closing", "Cheers, mate! Here is more."),
        ("opening", "Well. Short answer: yes."),
        ("brief", "One. Two. Three."),
        ("curt", "One. Two. Cheers!"),
        ("bullets", "- one\n- two"),
        ("bullets", "Here:\n- one\n- two\n- three"),
        ("json", '{"answer": "yes"} as you asked'),
        ("json", '{"answer": "yes", "why": "no"}'),
        ("json", '{"answer": ""}'),
        ("one-paragraph", "- one item"),
        ("exclaiming", "One! Two."),
        ("formal", "It is fine, isn’t it?"),
        ("numbered", "1. one\n3. three"),
        ("postscript", "P.S. Only that."),
        ("asking-back", "Why?"),
    ],
)
def test_a_near_miss_is_not_accepted(name: str, reply: str) -> None:
    [persona] = [each for each in PERSONAS if each.name == name]
    assert not persona.complies(reply)
