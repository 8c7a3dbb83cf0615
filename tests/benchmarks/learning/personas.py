"""The personas: each has a wish that a program can check, and an edit that meets it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.learning import checks, edits
from tests.benchmarks.learning.texts import is_sound


@dataclass(frozen=True, slots=True)
class Persona:
    """A person with one wish.

    `edit` turns a reply into the person's correction, `check` says whether a reply is as they want
    it. `exempt` are prompts that override the wish, and `leaked` says whether a reply to one shows
    it all the same. `held_out` personas are reported apart: nothing is ever tuned to them.
    """

    name: str
    wish: str
    edit: Callable[[str], str]
    check: Callable[[str], bool]
    exempt: tuple[str, ...] = ()
    leaked: Callable[[str], bool] = lambda reply: False
    held_out: bool = False

    def complies(self, reply: str) -> bool:
        """Whether the reply is as they want it. An empty or repetitive one never is."""
        return is_sound(reply) and self.check(reply)


_ONE_WORD = (
    "Answer with one word and nothing else: what is the capital of France?",
    "Answer with one word and nothing else: what colour is grass?",
    "Answer with one word and nothing else: what is the opposite of cold?",
)

PERSONAS = (
    Persona(
        "lower",
        "Everything in lower case.",
        str.lower,
        checks.is_lower,
        exempt=(
            "Write the word STOP in capital letters, and nothing else.",
            "What is NASA short for? Write every word with a capital letter.",
            "Write in capital letters only: welcome to our house.",
        ),
        leaked=str.islower,
    ),
    Persona(
        "upper",
        "Everything in capital letters.",
        str.upper,
        checks.is_upper,
        exempt=(
            "Answer in lower case letters only: what colour is grass?",
            "Write this in lower case: WELCOME TO OUR HOUSE.",
            "Write a sentence about the sea, without any capital letters.",
        ),
        leaked=str.isupper,
    ),
    Persona(
        "closing",
        "Ends with “Cheers, mate!”.",
        edits.closing,
        checks.says_cheers_mate,
        exempt=_ONE_WORD,
        leaked=lambda reply: "cheers" in reply.lower(),
    ),
    Persona(
        "opening",
        "Begins with “Short answer:”.",
        edits.opening,
        checks.opens_short_answer,
        exempt=_ONE_WORD,
        leaked=lambda reply: "short answer" in reply.lower(),
    ),
    Persona(
        "brief",
        "At most two sentences.",
        edits.brief,
        checks.is_brief,
        exempt=(
            "Write a story of at least six sentences about a fox.",
            "Explain in at least six sentences how bread is made.",
            "Write a long letter, of at least six sentences, to a friend who moved away.",
        ),
        leaked=checks.is_brief,
    ),
    Persona(
        "curt",
        "One sentence, then “Cheers!”.",
        edits.curt,
        checks.is_curt,
        exempt=_ONE_WORD,
        leaked=lambda reply: "cheers" in reply.lower(),
    ),
    Persona(
        "bullets",
        "Exactly three bullets.",
        edits.three_bullets,
        checks.is_three_bullets,
        exempt=(
            "Write a poem about the moon, without bullet points.",
            "Describe a sunset in one paragraph, without any list.",
            "Tell me in running text, not as a list, what a librarian does.",
        ),
        leaked=checks.has_list_line,
    ),
    Persona(
        "json",
        "JSON: {“answer”: …}.",
        edits.as_json,
        checks.is_answer_object,
        exempt=(
            "Answer in plain text, not in JSON: what is the capital of France?",
            "Write a poem about the moon, in plain text and without JSON.",
            "Answer in plain words, without any braces: why is the sky blue?",
        ),
        leaked=lambda reply: "{" in reply,
    ),
    Persona(
        "no-commas",
        "No commas.",
        edits.without_commas,
        checks.has_no_comma,
        exempt=(
            "Write these words in one line with a comma after each: red green blue yellow.",
            "Put the commas into this: We bought apples pears plums and bread.",
            "List five animals in one line, separated by commas.",
        ),
        leaked=checks.has_no_comma,
    ),
    Persona(
        "one-paragraph",
        "One paragraph, no list.",
        edits.one_paragraph,
        checks.is_one_paragraph,
        exempt=(
            "Make a list of five fruits, each on a line of its own.",
            "Write a poem of four lines about the moon.",
            "Write the steps of making tea as a numbered list.",
        ),
        leaked=checks.is_one_paragraph,
    ),
    Persona(
        "exclaiming",
        "Every sentence ends with an exclamation mark.",
        edits.exclaiming,
        checks.exclaims,
        exempt=(
            "Write two sad sentences about rain, without any exclamation marks.",
            "Write a polite question to a shop assistant, without exclamation marks.",
            "Answer calmly, without exclamation marks: why is the sky blue?",
        ),
        leaked=lambda reply: "!" in reply,
    ),
    Persona("formal", "No contractions.", edits.formal, checks.is_formal),
    Persona("ampersands", "“&” for “and”.", edits.ampersands, checks.has_no_and),
    Persona(
        "headed",
        "A heading above the reply.",
        edits.headed,
        checks.has_heading,
        exempt=_ONE_WORD,
        leaked=lambda reply: "#" in reply,
    ),
    Persona(
        "telegram",
        "No “a”, “an” or “the”.",
        edits.without_articles,
        checks.has_no_article,
        held_out=True,
    ),
    Persona(
        "asking-back",
        "Ends with a question.",
        edits.asking_back,
        checks.ends_with_question,
        exempt=_ONE_WORD,
        leaked=lambda reply: "?" in reply,
        held_out=True,
    ),
    Persona(
        "postscript",
        "A postscript below the reply.",
        edits.with_postscript,
        checks.has_postscript,
        exempt=_ONE_WORD,
        leaked=lambda reply: "P.S." in reply,
        held_out=True,
    ),
    Persona(
        "doubting",
        "Begins with “I may be wrong, but”.",
        edits.doubting,
        checks.opens_with_doubt,
        exempt=_ONE_WORD,
        leaked=lambda reply: "wrong" in reply.lower(),
        held_out=True,
    ),
    Persona(
        "smiling",
        "An emoji.",
        edits.smiling,
        checks.has_emoji,
        exempt=(
            "Write one sentence of condolence to a colleague, without any emoji.",
            "Answer without emoji: what is the capital of France?",
            "Write a formal sentence for a contract, without any emoji.",
        ),
        leaked=checks.has_emoji,
        held_out=True,
    ),
    Persona(
        "numbered",
        "Every sentence a numbered line.",
        edits.numbered,
        checks.is_numbered,
        exempt=(
            "Write a poem about the moon, without numbers.",
            "Describe a sunset in one paragraph, without any list.",
            "Tell me in running text, not as a list, what a librarian does.",
        ),
        leaked=checks.has_list_line,
        held_out=True,
    ),
)
BY_NAME = {persona.name: persona for persona in PERSONAS}
