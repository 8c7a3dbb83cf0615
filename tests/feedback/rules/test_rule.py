import pytest

from feedback.rules.rule import Rule, apply_all

CODE = "Use this:\n\n```python\nprint('Hi! It is 5')\n```\n\nIt's `Print(5)`, see https://A.org/B!"


@pytest.mark.parametrize(
    ("attribute", "value", "text", "expected"),
    [
        ("case", "lower", "I met Ann in NY.", "i met ann in ny."),
        ("case", "upper", "I met Ann in NY.", "I MET ANN IN NY."),
        ("case", "title", "I met her.", "I Met Her."),
        ("case", "sentence", "so it is. e.g. here? yes.", "So it is. E.g. here? Yes."),
        ("opening", "Sure thing! ", "It rains.", "Sure thing! It rains."),
        ("opening", "Sure thing! ", "Certainly! It rains.", "Sure thing! It rains."),
        ("opening", "Well, ", "The sky is blue.", "Well, the sky is blue."),
        ("opening", "Well, ", "I like Rome.", "Well, I like Rome."),
        ("opening", "Well, ", "Rome is old.", None),
        ("opening", "Well, ", "Rome is old. I like Rome.", "Well, Rome is old. I like Rome."),
        ("opening", "Here: ", "- a b\n- c d", "Here:\n\n- a b\n- c d"),
        ("closing", " Bye!", "It rains.", "It rains. Bye!"),
        ("closing", " Bye!", "- a b\n- c d", "- a b\n- c d\n\nBye!"),
        ("closing", ", mate.", "It rains.", "It rains, mate."),
        ("left-out beginning", "pleasantries", "Certainly! Great question! It is.", "It is."),
        ("left-out beginning", "pleasantries", "Sure, it rains.", "It rains."),
        ("left-out beginning", "pleasantries", "Certainly!", None),
        ("left-out beginning", "lead-in", "Here are two:\n\n- a b\n- c d", "- a b\n- c d"),
        ("left-out ending", "pleasantries", "It rains. Feel free to ask more.", "It rains."),
        ("final question", "none", "It rains. Does it? Why?", "It rains."),
        ("final question", "some", "It rains.", None),
        (
            "hedging",
            "none",
            "I think that it rains. It is, perhaps, cold.",
            "It rains. It is cold.",
        ),
        ("hedging", "none", "I think of rain.", "I think of rain."),
        ("spelling", "british", "Colors ORGANIZED.", "Colours ORGANISED."),
        ("spelling", "american", "The centre is grey.", "The center is gray."),
        (
            "contractions",
            "long",
            "It’s true, I can't. It's been.",
            "It is true, I cannot. It's been.",
        ),
        ("contractions", "short", "It is not so. Yes, it is.", "It's not so. Yes, it is."),
        ("numbers", "digits", "Two or twenty-one of one.", "2 or 21 of one."),
        (
            "numbers",
            "words",
            "3 cats, 1.5 m, 2024, May 5, 20%.",
            "Three cats, 1.5 m, 2024, May 5, 20%.",
        ),
        ("numbers", "words", "1. Take 2 eggs.", "1. Take two eggs."),
        ("words", '["children", "kids"]', "Children play.", "Kids play."),
        ("words", '["car", "automobile"]', "A car stops.", "An automobile stops."),
        ("words", '["really", ""]', "Really, it is really good.", "It is good."),
        ("emoji", "none", "😊 Hello there 👍🏽!", "Hello there!"),
        ("emoji", "some", "Hello there!", None),
        ("exclamation marks", ".", "Stop! What?! No!!", "Stop. What? No."),
        ("semicolons", ",", "One; two.", "One, two."),
        ("semicolons", ".", "One; two.", "One. Two."),
        ("dashes", ",", "One — two – three, 1914–18.", "One, two, three, 1914–18."),
        ("ellipses", ".", "Well... yes…", "Well. yes."),
        ("quotation marks", "none", 'A "good" one.', "A good one."),
        ("commas", "none", "Red, green, 1,000.", "Red green 1,000."),
        ("parentheses", "none", "It (mostly) rains.", "It rains."),
        ("sentence endings", "!", "It rains. Does it?", "It rains! Does it?"),
        ("final full stop", "none", "It rains. It pours.", "It rains. It pours"),
        ("headings", "none", "# Rain\n\nIt rains.", "It rains."),
        ("headings", "plain", "# Rain\n\nIt rains.", "Rain\n\nIt rains."),
        (
            "emphasis",
            "none",
            "A **very *big*** one, snake_case_name.",
            "A very big one, snake_case_name.",
        ),
        ("list", "-", "It rains. It pours.", "- It rains.\n- It pours."),
        ("list", "1.", "Do this:\n- run\n- rest", "Do this:\n1. run\n2. rest"),
        ("list", "none", "Do this:\n- run;\n- rest", "Do this: run. rest."),
        (
            "list items",
            "2",
            "- a b\n- c d\n  - e f\n- g h\n  - i j\n\nSo.",
            "- a b\n- c d\n  - e f\n\nSo.",
        ),
        ("list items", "2", "It rains.", None),
        ("most sentences", "1", "Dr. Lee left. He ran.", "Dr. Lee left."),
        ("most sentences", "1", "Sure! He ran. He fell.", "He ran."),
        ("most sentences", "1", "Do this:\n\n- run\n- rest", None),
        ("most words", "5", "It rains. It pours a lot.", "It rains."),
        ("most words", "2", "It rains a lot.", None),
        ("least words", "10", "It rains.", None),
        ("paragraphs", "one", "It rains.\n\nIt pours.", "It rains. It pours."),
        ("paragraphs", "one", "Do:\n\n- run", None),
        ("paragraphs", "tight", "It rains.\n\n\nIt pours.", "It rains.\nIt pours."),
        ("sentence lines", "line", "It rains. It pours.", "It rains.\nIt pours."),
        ("sentence lines", "paragraph", "It rains. It pours.", "It rains.\n\nIt pours."),
        ("wrapping", "json:answer", 'It "rains".', '{"answer": "It \\"rains\\"."}'),
        ("wrapping", "tag:reply", "It rains.", "<reply>It rains.</reply>"),
        ("wrapping", "fence:", "It rains.", "```\nIt rains.\n```"),
        ("wrapping", 'marks:"', 'It "rains".', "\"It 'rains'.\""),
        ("wrapping", "none", '{"answer": "It rains."}', "It rains."),
        ("case", "lower", '{"Answer": "It rains."}', '{"Answer": "it rains."}'),
    ],
)
def test_a_rule_rewrites(attribute: str, value: str, text: str, expected: str | None) -> None:
    assert Rule(attribute, value).apply(text) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule("case", "upper"), CODE.replace("Use this", "USE THIS").replace("It's `", "IT'S `")),
        (Rule("exclamation marks", "."), f"{CODE[:-1]}."),
        (Rule("contractions", "long"), CODE.replace("It's", "It is")),
        (Rule("numbers", "words"), CODE),
        (Rule("paragraphs", "tight"), CODE.replace(":\n\n", ":\n").replace("```\n\n", "```\n")),
    ],
)
def test_code_and_links_stay_as_they_are(rule: Rule, expected: str) -> None:
    assert rule.apply(CODE) == expected.replace(
        ", see", ", SEE" if rule.value == "upper" else ", see"
    )


def test_a_reply_without_words_cannot_be_rewritten() -> None:
    assert Rule("case", "lower").apply(" \n…") is None


def test_an_unknown_attribute_is_refused() -> None:
    with pytest.raises(ValueError, match="no attribute 'smell'"):
        Rule("smell", "sweet")


def test_no_rule_undoes_another() -> None:
    rules = [
        Rule("wrapping", "json:answer"),
        Rule("case", "lower"),
        Rule("closing", " bye!"),
        Rule("most sentences", "2"),
        Rule("left-out beginning", "pleasantries"),
    ]
    text = "Certainly! It rains in May. It pours in June. It snows."
    assert apply_all(rules, text) == '{"answer": "it rains in may. bye!"}'


def test_all_rules_fail_if_one_cannot_be_applied() -> None:
    assert apply_all([Rule("case", "lower"), Rule("final question", "some")], "It rains.") is None


def test_rules_that_contradict_each_other_cannot_be_applied() -> None:
    assert apply_all([Rule("case", "lower"), Rule("closing", " Bye!")], "It rains.") is None


def test_rules_that_leave_no_word_of_the_reply_cannot_be_applied() -> None:
    rules = [Rule("words", '["rain", ""]'), Rule("closing", " Bye!")]
    assert apply_all(rules, "Rain, rain.") is None


@pytest.mark.parametrize(
    ("rule", "instruction"),
    [
        (Rule("case", "lower"), "Write everything in lower case."),
        (Rule("closing", " Cheers!"), "Close with “Cheers!”."),
        (Rule("contractions", "long"), "Use no contractions."),
        (Rule("most sentences", "1"), "Write at most 1 sentence."),
    ],
)
def test_a_rule_is_asked_for_in_the_imperative(rule: Rule, instruction: str) -> None:
    assert rule.instruction == instruction
