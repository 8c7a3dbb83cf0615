"""Corrections in eight languages show the rules that the same ones in English do."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.rules.from_corrections import Edit, learned_rules
from feedback.rules.rule import Rule, rewrite
from feedback.text.tokens import words
from tests.feedback.rules.languages import (
    ARABIC,
    CHINESE,
    HEBREW,
    HINDI,
    JAPANESE,
    SPANISH,
    THAI,
    URDU,
)
from tests.feedback.rules.replies import PROMPT
from tests.feedback.rules.rules import RULES


def filled(pattern: str, sentences: Sequence[str]) -> list[str]:
    """The pattern with three different sentences for X, Y and Z, eight times."""
    return [
        pattern.replace("X", each)
        .replace("Y", sentences[(place + 3) % len(sentences)])
        .replace("Z", sentences[(place + 5) % len(sentences)])
        for place, each in enumerate(sentences)
    ]


CASES = [
    (CHINESE, "X。", "X。祝好！", Rule("closing", "祝好！")),
    (CHINESE, "X。", "X。 祝好！", Rule("closing", " 祝好！")),
    (CHINESE, "X。", "X，朋友。", Rule("closing", "，朋友。")),
    (CHINESE, "X。", "X。😊", Rule("closing", "😊")),
    (CHINESE, "X吗？", "X吗？祝好", Rule("closing", "祝好")),
    (JAPANESE, "X。", "X。以上。", Rule("closing", "以上。")),
    (CHINESE, "X。", "您好：\n\nX。", Rule("opening", "您好：\n\n")),
    (HINDI, "X।", "X। धन्यवाद!", Rule("closing", " धन्यवाद!")),
    (URDU, "X۔", "X۔ شکریہ!", Rule("closing", " شکریہ!")),
    (THAI, "X", "Xครับ", Rule("closing", "ครับ")),
    (THAI, "X", "X ครับ", Rule("closing", " ครับ")),
    (HEBREW, "X.", "X. בברכה!", Rule("closing", " בברכה!")),
    (CHINESE, "X。", "好的，X。", Rule("opening", "好的，")),
    (JAPANESE, "X。", "はい。X。", Rule("opening", "はい。")),
    (URDU, "X۔", "جی ہاں، X۔", Rule("opening", "جی ہاں، ")),
    (ARABIC, "X.", "نعم، X.", Rule("opening", "نعم، ")),
    (THAI, "X", "สวัสดีครับ X", Rule("opening", "สวัสดีครับ ")),
    (CHINESE, "好的！X。", "X。", Rule("left-out beginning", "好的！")),
    (CHINESE, "X。希望有帮助！", "X。", Rule("left-out ending", "希望有帮助！")),
    (CHINESE, "好的，X。", "X。", Rule("words", '["好的", ""]')),
    (CHINESE, "X。", "X", Rule("final full stop", "none")),
    (HINDI, "X।", "X", Rule("final full stop", "none")),
    (URDU, "X۔", "X", Rule("final full stop", "none")),
    (CHINESE, "X，Y、花、草。", "XY花草。", Rule("commas", "none")),
    (ARABIC, "X، Y، نعم.", "X Y نعم.", Rule("commas", "none")),
    (JAPANESE, "「X」とY。", "XとY。", Rule("quotation marks", "none")),
    (HEBREW, 'X "Y" צה"ל.', 'X Y צה"ל.', Rule("quotation marks", "none")),
    (CHINESE, "X（重要）。", "X。", Rule("parentheses", "none")),
    (CHINESE, "X（Y），Z。", "X，Z。", Rule("parentheses", "none")),
    (CHINESE, "他说“X”，“Y”。", "他说X，Y。", Rule("quotation marks", "none")),
    (CHINESE, "**X**，Y。", "X，Y。", Rule("emphasis", "none")),
    (CHINESE, "X！？Y！！", "X？Y。", Rule("exclamation marks", "。")),
    (CHINESE, "X！", "X。", Rule("exclamation marks", "。")),
    (CHINESE, "X!", "X。", Rule("exclamation marks", "。")),
    (HINDI, "X!", "X।", Rule("exclamation marks", "।")),
    (HINDI, "X!", "X.", Rule("exclamation marks", ".")),
    (URDU, "X!", "X۔", Rule("exclamation marks", "۔")),
    (ARABIC, "X!", "X.", Rule("exclamation marks", ".")),
    (SPANISH, "¡X!", "X.", Rule("exclamation marks", ".")),
    (CHINESE, "X。Y。", "X！Y！", Rule("sentence endings", "!")),
    (HINDI, "X। Y।", "X! Y!", Rule("sentence endings", "!")),
    (CHINESE, "X；Y。", "X，Y。", Rule("semicolons", "，")),
    (CHINESE, "X；Y。", "X。Y。", Rule("semicolons", "。")),
    (ARABIC, "X؛ Y.", "X، Y.", Rule("semicolons", "،")),
    (CHINESE, "X——Y。", "X，Y。", Rule("dashes", "，")),
    (ARABIC, "X — Y.", "X، Y.", Rule("dashes", "،")),
    (CHINESE, "X……Y。", "X。Y。", Rule("ellipses", "。")),
    (CHINESE, "X。Y。Z。", "X。", Rule("most sentences", "1")),
    (HINDI, "X। Y। Z।", "X।", Rule("most sentences", "1")),
    (URDU, "X۔ Y۔ Z۔", "X۔", Rule("most sentences", "1")),
    (ARABIC, "هل X؟ Y. Z!", "هل X؟", Rule("most sentences", "1")),
    (HEBREW, "X. Y. Z!", "X.", Rule("most sentences", "1")),
    (CHINESE, "X。Y吗？", "X。", Rule("final question", "none")),
    (ARABIC, "X. هل Y؟", "X.", Rule("final question", "none")),
    (CHINESE, "X。\n\nY。", "X。Y。", Rule("paragraphs", "one")),
    (CHINESE, "X。Y。", "X。\nY。", Rule("sentence lines", "line")),
    (CHINESE, "- X\n- Y", "X。Y。", Rule("list", "none")),
    (HINDI, "- X\n- Y", "X। Y।", Rule("list", "none")),
    (CHINESE, "1、X\n2、Y", "X。Y。", Rule("list", "none")),
    (CHINESE, "- X\n- Y", "1、X\n2、Y", Rule("list", "1、")),
    (JAPANESE, "X。Y。", "・X。\n・Y。", Rule("list", "・")),
    (JAPANESE, "X。Y。", "「X。Y。」", Rule("wrapping", "marks:「")),
    (HEBREW, "X עם שלום.", "X עם ברכה.", Rule("words", '["שלום", "ברכה"]')),
]


@pytest.mark.parametrize(
    ("sentences", "was", "became", "rule"), CASES, ids=lambda value: str(value)[:40]
)
def test_eight_corrections_show_the_rule_that_makes_them(
    sentences: Sequence[str], was: str, became: str, rule: Rule
) -> None:
    originals, corrections = filled(was, sentences), filled(became, sentences)
    edits = [
        Edit(PROMPT, *pair, at=float(at))
        for at, pair in enumerate(zip(originals, corrections, strict=True))
    ]
    (learned,) = learned_rules(edits)
    assert (learned.rule, learned.support, learned.against) == (rule, 8, 0)
    assert [rewrite([rule], text) for text in originals] == corrections


def test_a_word_is_replaced_where_its_language_inflects_it_not() -> None:
    edits = [
        Edit(PROMPT, f"{each} यह घर है।", f"{each} यह भवन है।", float(at))
        for at, each in enumerate(("आज", "कल", "अब", "फिर", "और", "सच", "वहाँ", "यहाँ"))
    ]
    assert [each.rule for each in learned_rules(edits)] == [Rule("words", '["घर", "भवन"]')]


@pytest.mark.parametrize(
    ("old", "new", "text", "expected"),
    [
        ("घर", "भवन", "घरेलू बिल्ली का घर", "घरेलू बिल्ली का भवन"),
        ("บาน", "x", "บาน บ้าน บานๆ", "x บ้าน บานๆ"),
        ("ไทย", "สยาม", "ไทย ภาษาไทย", "สยาม ภาษาไทย"),
        ("كتب", "x", "كَتب كتب كتبَ", "كَتب x كتبَ"),
        ("שלום", "היי", "שלום שָׁלוֹם ושלום", "היי שָׁלוֹם ושלום"),
        ("צה", "x", 'צה צה״ל צה"ל', 'x צה״ל צה"ל'),
        ("خواهم", "x", "خواهم می\u200cخواهم", "x می\u200cخواهم"),
        ("cafe", "bar", "cafe cafe\u0301", "bar cafe\u0301"),
        ("python", "java", "用Python很好, ipython", "用Java很好, ipython"),
        ("बहुत", "", "घर बहुत। घर बहुत, बड़ा।", "घर। घर बड़ा।"),
    ],
)
def test_no_part_of_a_longer_word_is_replaced(old: str, new: str, text: str, expected: str) -> None:
    assert Rule("words", f'["{old}", "{new}"]').apply(text) == expected


@pytest.mark.parametrize(
    ("attribute", "value", "text", "expected"),
    [
        ("exclamation marks", ".", "这很好！真的！", "这很好。真的。"),
        ("exclamation marks", "。", "好！It rains!", "好。It rains."),
        ("exclamation marks", "।", "अच्छा है! It rains! 好！", "अच्छा है। It rains. 好。"),
        ("exclamation marks", ".", "¡Muy bien! ¿Qué? ¡¿Cómo?! Sí!", "Muy bien. ¿Qué? ¿Cómo? Sí."),
        ("semicolons", ",", "Τι κάνεις; One; two.", "Τι κάνεις; One, two."),
        ("commas", "none", "在2020年，3月1日、好。", "在2020年3月1日好。"),
        ("numbers", "words", "३ घर", None),
        ("closing", "祝好！", "- 猫\n- 狗", "- 猫\n- 狗\n\n祝好！"),
        ("opening", "好的，", "It rains.", "好的，It rains."),
        ("emphasis", "none", "这*很*好，变量snake_case_x", "这很好，变量snake_case_x"),
        ("most words", "10", "ดีมาก " * 20, "ดีมาก " * 20),
    ],
)
def test_a_rule_rewrites_any_script(
    attribute: str, value: str, text: str, expected: str | None
) -> None:
    applied = Rule(attribute, value).apply(text)
    assert applied == (text if expected is None else expected)


@pytest.mark.parametrize("sentences", [CHINESE, JAPANESE, THAI], ids=["zh", "ja", "th"])
def test_no_number_of_words_is_learned_where_words_cannot_be_counted(
    sentences: Sequence[str],
) -> None:
    pairs = list(zip(filled("X Y Z", sentences), sentences, strict=True))
    shorter = [Edit(PROMPT, was, became, 1.0) for was, became in pairs]
    longer = [Edit(PROMPT, became, was, 1.0) for was, became in pairs]
    names = {each.rule.attribute for each in (*learned_rules(shorter), *learned_rules(longer))}
    assert names.isdisjoint({"most words", "least words"})


SENTENCES = (CHINESE, JAPANESE, HINDI, URDU, ARABIC, THAI, HEBREW, SPANISH)
MARKS = (
    "。",
    "！",
    "？",
    "，",
    "、",
    "；",
    "।",
    "۔",
    "؟ ",
    "، ",
    "؛ ",
    ". ",
    "! ",
    "; ",
    "——",
    "……",
)
pieces = st.sampled_from([each for sentences in SENTENCES for each in sentences])
texts = st.lists(
    st.tuples(
        pieces, st.sampled_from((*MARKS, "「", "」", "（", "）", "¡", "¿", "\n", "\n- ", " "))
    ),
    min_size=1,
    max_size=6,
).map(lambda pairs: "".join(map("".join, pairs)))
rules = st.sampled_from([*RULES, *(case[-1] for case in CASES)])


@given(rules, texts)
def test_a_rule_holds_after_it_was_applied_to_any_script(rule: Rule, text: str) -> None:
    applied = rule.apply(text)
    assert applied is None or (rule.holds(applied) and rule.apply(applied) == applied)


@given(texts, texts)
def test_corrections_in_any_script_show_rules_that_hold(was: str, became: str) -> None:
    for each in learned_rules([Edit(PROMPT, was, became, 1.0)]):
        assert words(was)
        assert each.rule.holds(became)
        assert not each.rule.holds(was)
