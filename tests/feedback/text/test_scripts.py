"""Words, tokens and sentences of scripts other than Latin."""

from time import perf_counter

import pytest

from feedback.text.code_masking import mask
from feedback.text.mark_forms import form_for, full_stop_after, gap
from feedback.text.repetition import is_repetitive
from feedback.text.scripts import ends_in_word, has_countable_words
from feedback.text.structure import ends_sentence, sentence_texts
from feedback.text.tokens import size, tokens, words
from feedback.text.truncation import strip_truncated_sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("बिल्ली एक पालतू जानवर है", ("बिल्ली", "एक", "पालतू", "जानवर", "है")),
        ("صَبَاحُ الخَيْرِ", ("صَبَاحُ", "الخَيْرِ")),
        ("שָׁלוֹם עוֹלָם", ("שָׁלוֹם", "עוֹלָם")),
        ('צה״ל וצה"ל', ("צה״ל", 'וצה"ל')),
        ('אמר "שלום" והלך', ("אמר", "שלום", "והלך")),
        ("می\u200cخواهم بروم", ("می\u200cخواهم", "بروم")),
        ("ภาษาไทย ง่ายครับ", ("ภาษาไทย", "ง่ายครับ")),
        ("用Python很好", ("用", "python", "很好")),
        ("e\u0301cole isn't it’s", ("e\u0301cole", "isn't", "it’s")),
        ("한국어 문장", ("한국어", "문장")),
        ("col·lecció", ("col·lecció",)),
        ("❤️ love", ("love",)),
    ],
)
def test_marks_belong_to_their_word(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("这很好。", ["这", "很", "好", "。"]),
        ("コーヒーを3杯。", ["コーヒー", "を", "3", "杯", "。"]),
        ("ดีที่สุด", ["ดี", "ที่", "สุ", "ด"]),
        ("यह है।", ["यह", "है", "।"]),
    ],
)
def test_without_spaces_a_letter_with_its_marks_is_a_token(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("यह घर है। वह बड़ा है।क्या?", ["यह घर है।", "वह बड़ा है।", "क्या?"]),
        ("डॉ. शर्मा आए। वे गए।", ["डॉ. शर्मा आए।", "वे गए।"]),
        ("یہ گھر ہے۔ کیا یہ گھر ہے؟ ہاں۔", ["یہ گھر ہے۔", "کیا یہ گھر ہے؟", "ہاں۔"]),
        ("هل هذا بيت؟ نعم، هذا بيت.", ["هل هذا بيت؟", "نعم، هذا بيت."]),
        ("这很好。他说：“好。”走吧！", ["这很好。", "他说：“好。”", "走吧！"]),
        ("真的?我不信!用3.5版。", ["真的?", "我不信!", "用3.5版。"]),
        ("これは「いい」。はい（笑）。", ["これは「いい」。", "はい（笑）。"]),
        ("今は３．５です．はい．", ["今は３．５です．", "はい．"]),
        ("לך הביתה. מה זה? שלום!", ["לך הביתה.", "מה זה?", "שלום!"]),
        ("พ.ศ. 2563 ดี", ["พ.ศ. 2563 ดี"]),
        ("ይህ ቤት ነው። ያ።", ["ይህ ቤት ነው።", "ያ።"]),
        ("Τι κάνεις; Καλά.", ["Τι κάνεις;", "Καλά."]),
    ],
)
def test_sentences_end_with_the_marks_of_their_script(text: str, expected: list[str]) -> None:
    assert sentence_texts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("one isn't", 2), ("这很好", 3), ("用Python吧", 3), ("ดีที่", 2), ("यह घर है", 3)],
)
def test_a_text_is_as_long_as_its_words_or_letters(text: str, expected: int) -> None:
    assert size(text) == expected


def test_a_text_ends_in_a_word_with_its_marks() -> None:
    assert all(map(ends_in_word, ("यह घर का", "ดี", "yes")))
    assert not any(map(ends_in_word, ("यह घर है।", "yes!", "")))


def test_words_without_spaces_cannot_be_counted() -> None:
    assert has_countable_words("Use the word 好 once.")
    assert has_countable_words("यह घर है")
    assert not has_countable_words("用 Python 写的程序很好用")
    assert not has_countable_words("น้ำดีมาก")


@pytest.mark.parametrize(
    ("mark", "replaced", "before", "expected"),
    [
        (".", "！", "好", "。"),
        (".", "!", "It rains", "."),
        ("。", "!", "好", "。"),
        ("。", "!", "It rains", "."),
        ("।", "!", "घर है", "।"),
        ("।", "!", "It rains", "."),
        ("۔", "!", "گھر ہے", "۔"),
        (",", "—", "好", "，"),
        (",", "—", "بيت", "،"),
        (",", "؛", "بيت", "،"),
        ("!", "।", "घर", "!"),
        ("!", "。", "好", "！"),
    ],
)
def test_a_mark_replaces_one_of_its_own_script(
    mark: str, replaced: str, before: str, expected: str
) -> None:
    assert form_for(mark, replaced, before) == expected


def test_sentences_are_joined_as_their_script_does() -> None:
    stops = {"cat": ".", "猫": "。", "घर": "।", "بيت": ".", "یہ۔ گھر": "۔", "แมว": ""}
    assert {text: full_stop_after(text) for text in stops} == stops
    assert [gap(text) for text in ("It is.", "好。", "好。”", "घर।", "ดี")] == [
        " ",
        "",
        "",
        " ",
        " ",
    ]


@pytest.mark.parametrize("text", ["यह है।", "یہ ہے۔", "هل هذا؟", "好。」", "ดีมาก", "Καλά;"])
def test_a_sentence_is_finished_in_its_script(text: str) -> None:
    assert ends_sentence(text)


def test_an_unfinished_sentence_is_removed_in_any_script() -> None:
    assert strip_truncated_sentence("यह घर है। वह बड़ा") == "यह घर है।"
    assert strip_truncated_sentence("یہ گھر ہے۔ وہ بڑا") == "یہ گھر ہے۔"
    assert strip_truncated_sentence("ดีมาก\nแล้วก็") == "ดีมาก\nแล้วก็"


def test_a_loop_without_spaces_is_found() -> None:
    assert is_repetitive("สวัสดีครับ" * 8)
    assert is_repetitive("哈" * 40)
    assert not is_repetitive("今天天气很好，我们一起去公园散步，看看花，听听鸟叫，然后回家吃饭。")


def test_a_link_ends_before_a_mark_that_needs_no_space() -> None:
    assert mask("见https://a.org/b。很好")[1] == ("https://a.org/b",)
    assert mask("请写信给a@b.com谢谢。")[1] == ("a@b.com",)
    assert mask("देखें https://a.org/b। फिर")[1] == ("https://a.org/b",)


@pytest.mark.parametrize(
    "text",
    ["这很好，我们去吧。" * 4000, "यह घर है। " * 3600, "!" * 36_000 + "x", 'א"' * 18_000],
    ids=lambda text: text[:10],
)
def test_long_texts_take_no_time(text: str) -> None:
    start = perf_counter()
    for function in (words, tokens, sentence_texts, mask, size, ends_sentence):
        function(text)
    assert perf_counter() - start < 2
