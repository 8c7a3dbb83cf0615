"""Whether a reply has the form that each of five users wants, whatever it says."""

import re

_ABBREVIATION = re.compile(r"\b(Mr|Mrs|Ms|Dr|Prof|St|No|e\.g|i\.e|a\.m|p\.m)\.", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’')]*\s+|\n+")
_LIST_OR_HEADING = re.compile(r"^\s*(?:[-*•#]|\d+[.)])\s", re.MULTILINE)

_LIKING = re.compile(r"\b(?:you|we|i|they|people|plants|animals|would|[a-z]+'d) like\b")
_AS_AS = re.compile(r"\bas (?:soon|long|well|many|far) as\b")
_COMPARISON = re.compile(
    r"\blike\b|\bas if\b|\bas though\b|\bimagine\b|\bpretend\b|\bthink of\b"
    r"|\bas (?:\w+ ){1,2}as\b|\bjust as\b|\bthe same way\b|\bremind"
)
_TECHNICAL = re.compile(
    r"molecul|electron|photon|particle|chloro|photosynth|wavelength|frequenc|voltage|densit"
    r"|buoyan|refract|evaporat|condens|atmospher|kinetic|thermal|insulat|mechanism|organism"
    r"|nutrient|metabol|radiation|magnetic field|software|algorithm|[a-z]{14,}"
)

_FENCE = re.compile(r"```[a-z]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)
_PROSE = re.compile(r"[a-z]{2,}[.:!?](?:\s|$)|--|/\*|```|^\s*#", re.MULTILINE)

_LETTER = re.compile(
    r"Subject: \S[^\n]*\n\n+Dear [^\n\[\]]+,\n(.+)\nKind regards,\nMara Lindqvist", re.DOTALL
)

_TERM_MEANS = re.compile(r"\W*(?:[^\s.!?]+\s+){1,8}?means\b", re.IGNORECASE)


def for_a_child(reply: str) -> bool:
    """Two to four short sentences with a comparison and no technical word."""
    text = reply.strip().lower()
    count, words = _count_sentences(text), len(text.split())
    return (
        2 <= count <= 4
        and words <= 75
        and words <= 16 * count
        and bool(re.search(r"[.!?]\W*$", text))
        and bool(_COMPARISON.search(_AS_AS.sub("", _LIKING.sub("", text))))
        and not _TECHNICAL.search(text)
        and not _LIST_OR_HEADING.search(text)
    )


def tutor(reply: str) -> bool:
    """One or two sentences that end with a question mark."""
    text = reply.strip()
    return (
        4 <= len(text.split()) <= 45
        and bool(re.search(r"\?[\"”’')*]*$", text))
        and _count_sentences(text) <= 2
    )


def sql(reply: str) -> bool:
    """One SELECT statement, bare or in a code fence, and nothing else."""
    text = reply.strip()
    fenced = _FENCE.fullmatch(text)
    statement = (fenced[1] if fenced else text).strip().removesuffix(";").rstrip()
    return (
        bool(re.match(r"(?:select|with)\b", statement, re.IGNORECASE))
        and bool(re.search(r"\bselect\b.*\bfrom\s+\S", statement, re.IGNORECASE | re.DOTALL))
        and ";" not in statement
        and statement.count("(") == statement.count(")")
        and not _PROSE.search(statement)
    )


def letters(reply: str) -> bool:
    """Subject, salutation, one to four sentences, and her closing and name."""
    text = "\n".join(line.rstrip() for line in reply.strip().splitlines())
    letter = _LETTER.fullmatch(text)
    if not letter or "[" in text or "regards" in letter[1].lower():
        return False
    body = letter[1].strip()
    return 3 <= len(body.split()) <= 90 and _count_sentences(body) <= 4


def plain_words(reply: str) -> bool:
    """A term, “means” and what it means in at most 35 words, then the offer to ask."""
    explanation, _, last = reply.strip().rpartition("\n")
    explanation = explanation.strip()
    return (
        last.strip() == "Ask us if you are unsure."
        and bool(_TERM_MEANS.match(explanation))
        and len(explanation.split()) <= 35
        and _count_sentences(explanation) <= 2
    )


def _count_sentences(text: str) -> int:
    """How many sentences there are. The end of a line ends one."""
    whole = _ABBREVIATION.sub(r"\1", text.strip())
    return sum(bool(re.search(r"\w", each)) for each in _SENTENCE_END.split(whole))
