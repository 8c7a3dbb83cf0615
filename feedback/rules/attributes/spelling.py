"""Spelling of common words: British or American, and contractions or long forms."""

import re

from feedback.rules.attributes.attribute import Attribute, always, choice
from feedback.text.tokens import WORD, match_case, words

_OUR = (
    "behavi col fav flav harb hon hum lab neighb rum sav splend vap vig arm cand clam endeav od"
    " parl ranc rig tum val demean misdemean enam"
)
_ISE = (
    "agon anonym apolog author capital categor central character civil colon critic crystall"
    " custom digital econom emphas energ equal familiar fantas fertil final formal general"
    " global harmon hospital human hypothes ideal immun individual industrial initial internal"
    " jeopard legal local material maxim memor mesmer minim mobil modern monopol neutral"
    " normal optim organ penal personal polar popular priorit privat public random rational"
    " real recogn revolution scrutin sensit social special stabil standard steril summar"
    " symbol sympath synthes terror tranquil util vandal victim visual vital"
)
_RE = "cent theat fib lit met kilomet centimet millimet calib lust meag somb spect"
_LL = "trave cance labe mode fue signa channe counse dia marve pane quarre riva tota tunne leve"
# British piece, American piece, the stems before it, the endings after it.
_FAMILIES = (
    ("our", "or", _OUR, " s ed ing able ably ful fully less ite ites hood hoods ly er ers y"),
    ("is", "iz", _ISE, "e es ed ing ation ations ational er ers able"),
    ("ys", "yz", "anal paral catal", "e ed er ers ing"),
    ("re", "er", _RE, " s"),
    ("ll", "l", _LL, "ed ing er ers or ors ous"),
)
_PAIRS = """
    aeroplane airplane, aeroplanes airplanes, ageing aging, aluminium aluminum, anaemia anemia,
    anaesthetic anesthetic, artefact artifact, artefacts artifacts, acknowledgement acknowledgment,
    catalogue catalog, catalogues catalogs, analogue analog, centred centered, cosy cozy,
    counselling counseling, defence defense, offence offense, licence license, pretence pretense,
    behavioural behavioral, doughnut donut, encyclopaedia encyclopedia, enrol enroll,
    enrolment enrollment, foetus fetus, fulfil fulfill, fulfils fulfills, fulfilment fulfillment,
    grey gray, greyish grayish, gynaecologist gynecologist, instalment installment,
    instalments installments, jewellery jewelry, judgement judgment, judgements judgments,
    leukaemia leukemia, manoeuvre maneuver, manoeuvres maneuvers, mould mold, mouldy moldy,
    moustache mustache, mum mom, mums moms, oestrogen estrogen, omelette omelet, paediatric
    pediatric, plough plow, pyjamas pajamas, sceptic skeptic, sceptical skeptical, skilful skillful,
    skilfully skillfully, smoulder smolder, sulphur sulfur, travelogue travelog, wilful willful,
    woollen woolen, yoghurt yogurt, maths math, diarrhoea diarrhea, haemoglobin hemoglobin
"""
_SENTENCES = {"short": "Uses contractions.", "long": "Uses no contractions."}
_VERBS = words("is are was were do does did has have had could should would")
_SUBJECTS = words("it that there here what who where how he she")
_PEOPLE = words("i you he she it we they")
_BOTH_WAYS = {
    "won't": "will not",
    "can't": "cannot",
    "let's": "let us",
    "i'm": "i am",
    **{f"{verb}n't": f"{verb} not" for verb in _VERBS},
    **{f"{word}'s": f"{word} is" for word in _SUBJECTS},
    **{f"{word}'re": f"{word} are" for word in ("you", "we", "they")},
    **{f"{word}'ll": f"{word} will" for word in _PEOPLE},
}
# Rarely contracted, so only ever expanded.
_ONE_WAY = {
    "shan't": "shall not",
    "that'll": "that will",
    "there'll": "there will",
    **{f"{verb}n't": f"{verb} not" for verb in ("must", "need", "might")},
    **{f"{word}'ve": f"{word} have" for word in ("i", "you", "we", "they", "could", "should")},
    **{f"{word}'d": f"{word} would" for word in _PEOPLE},
}
_LONG_OF = {**_BOTH_WAYS, **_ONE_WAY}
_SHORT_OF = {long: short for short, long in _BOTH_WAYS.items()}
# Unchanged, because "it's been" means "has" and "I'd better" means "had".
_SHORT = re.compile(
    rf"(?<!\w)(?:{'|'.join(_LONG_OF)})(?!\w|\s+(?:been|got|had|better|gone|become)\b)".replace(
        "'", "['’]"
    ),
    re.IGNORECASE,
)
# "Yes, it is." cannot be contracted.
_LONG = re.compile(rf"(?<!\w)(?:{'|'.join(_SHORT_OF)})(?=\s+\w)", re.IGNORECASE)


def _american_words() -> dict[str, str]:
    """The American spelling of every word, by the British one."""
    american = dict(pair.split() for pair in _PAIRS.split(","))
    for british_piece, american_piece, stems, endings in _FAMILIES:
        for stem in stems.split():
            for ending in endings.split(" "):
                american[stem + british_piece + ending] = stem + american_piece + ending
    return american


_TO = {"american": _american_words(), "british": {us: gb for gb, us in _american_words().items()}}


def _spelled(text: str, variety: str) -> str:
    known = _TO[variety]
    return WORD.sub(lambda w: match_case(known.get(w[0].lower(), w[0]), w[0]), text)


def _in_form(text: str, form: str) -> str:
    if form == "long":
        return _SHORT.sub(
            lambda m: match_case(_LONG_OF[m[0].lower().replace("’", "'")], m[0]), text
        )
    return _LONG.sub(lambda m: match_case(_SHORT_OF[m[0].lower()], m[0]), text)


SPELLING = Attribute(
    "spelling",
    always(*_TO),
    lambda text, variety: _spelled(text, variety) == text,
    _spelled,
    lambda variety: f"Uses {variety.capitalize()} spelling.",
    _TO.__contains__,
)
CONTRACTIONS = choice(
    "contractions", _SENTENCES, lambda text, form: _in_form(text, form) == text, _in_form
)
