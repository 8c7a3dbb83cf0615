"""Whether a reply has the form that a user wants, whatever it says. One function per user."""

import re

_LISTED = re.compile(r"^\s*(?:[-*•+–]\s|\d+[.)]\s)", re.MULTILINE)
_HEADED = re.compile(r"^\s*(?:#|\*\*[^*\n]+\*\*:?\s*$)", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?…][\"”“’')*]*(?:\s+(?=[\"„“‘'(*]*[A-ZÄÖÜ0-9])|\s*$|\s*\n)")
_ABBREVIATED = re.compile(
    r"\b(?:z\.\s?B|d\.\s?h|u\.\s?a|i\.\s?d\.\s?R|e\.\s?g|i\.\s?e|a\.m|p\.m|u\.s|ca|bzw|usw|etc|nr"
    r"|dr|mr|mrs|ms|mt|st|hr|fr|std|min|max|inkl|evtl|ggf|tel|str|mio|vs|approx)\.",
    re.IGNORECASE,
)
_ORDINAL = re.compile(r"\b(\d{1,2})\.(?=\s+(?:Jan|Feb|März|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez))")
_GERMAN = re.compile(
    r"\b(?:aber|als|am|auch|auf|aus|bei|bis|bitte|das|dass|dem|den|der|des|die|dort|durch|eine?[mnrs]?"
    r"|er|es|etwa|für|gegen|haben|hat|ich|ihm|ihn|ihnen|ihre?[mnrs]?|im|ist|ja|je|kann|keine?[mnrs]?"
    r"|können|mit|muss|müssen|nach|nein|nicht|noch|nur|ob|oder|schon|sein|seien|sich|sie|sind"
    r"|sollten?|über|um|und|uns|unter|viel|vom|von|vor|weil|wenn|werden|wie|wir|wird|zu|zum|zur"
    r"|zwischen)\b",
    re.IGNORECASE,
)
_ENGLISH = re.compile(
    r"\b(?:and|are|be|can|for|from|have|how|if|is|it|not|of|on|or|should|that|the|their|they|this|to"
    r"|what|when|will|with|your?)\b",
    re.IGNORECASE,
)
_FAMILIAR = re.compile(r"\b(?:du|dich|dir|dein(?:e[mnrs]?)?)\b", re.IGNORECASE)
_POLITE = re.compile(r"\b(?:Sie|Ihnen|Ihr(?:e[mnrs]?)?)\b")
_FAMILIAR_ORDER = re.compile(
    r"(?:^|[.!?:]\s+)(?:Achte|Bereite|Bleib|Bring|Buche|Denk|Erkläre|Frage?|Geh|Gib|Informiere|Kauf"
    r"|Komm|Mach|Nimm|Nutze?|Packe?|Plane|Prüfe|Rede|Ruf|Sag|Schreibe?|Sei|Setze?|Sprich|Stelle?"
    r"|Suche|Trink|Überprüfe|Vergiss|Vermeide|Versuche?|Wende)\s"
)
_EXAMPLE = re.compile(r"(?:\bfor example\b|\be\.\s?g\b\.?)\W*\w", re.IGNORECASE)


def german(reply: str) -> bool:
    """One to three sentences of German in the polite form, without a list or a heading."""
    text = reply.strip()
    words = len(re.findall(r"[^\W\d_]+", text))
    return (
        words <= 70
        and len(_GERMAN.findall(text)) >= max(1, 0.2 * words)
        and len(_ENGLISH.findall(text)) <= 0.1 * words
        and not _is_familiar(text)
        and _is_running(text)
        and 1 <= _count(text) <= 3
    )


def about_me(reply: str) -> bool:
    """Any reply that is not long."""
    return 1 <= len(reply.split()) <= 120


def verdict(reply: str) -> bool:
    """One of "True." and "False.", then one short sentence, in one line."""
    found = re.fullmatch(r"(?:True|False)\. +(\S[^\n]*)", reply.strip())
    return found is not None and 3 <= len(found[1].split()) <= 25 and _count(found[1]) == 1


def comments(reply: str) -> bool:
    """One to three sentences with an example, without a list or a heading."""
    text = reply.strip()
    return (
        len(text.split()) <= 100
        and _EXAMPLE.search(text) is not None
        and _is_running(text)
        and 1 <= _count(text) <= 3
    )


def _is_familiar(text: str) -> bool:
    """Whether it speaks to a friend and not to a stranger."""
    ordered = _FAMILIAR_ORDER.search(text) and not _POLITE.search(text)
    return bool(ordered or _FAMILIAR.search(text))


def _is_running(text: str) -> bool:
    """Whether there is neither a list item nor a heading nor a block of code."""
    return not (_LISTED.search(text) or _HEADED.search(text) or "```" in text)


def _count(text: str) -> int:
    """The number of sentences. One that does not end counts as well."""
    plain = _ORDINAL.sub(r"\1", _ABBREVIATED.sub(lambda found: found[0].replace(".", ""), text))
    parts = (part for line in plain.splitlines() for part in _SENTENCE_END.split(line))
    return sum(any(character.isalnum() for character in part) for part in parts)
