"""The wrapping of a whole reply: JSON, a tag, a code fence, marks such as quotes, or none.

Other attributes look inside the wrapping, except inside a code fence, which holds no prose.
"""

import json
import re
from collections.abc import Iterable

from feedback.rules.attributes.attribute import Attribute, Change, each

_TAG_NAME = re.compile(r"[A-Za-z][\w-]*")
_LANGUAGE = re.compile(r"[\w+-]*")
_TAG = re.compile(rf"<(?P<name>{_TAG_NAME.pattern})>(?P<body>.*)</(?P=name)>", re.DOTALL)
_FENCE = re.compile(rf"```(?P<language>{_LANGUAGE.pattern})[ \t]*\n(?P<body>.*)\n```", re.DOTALL)
_PAIRS = {'"': '"', "“": "”", "«": "»", "**": "**", "*": "*", "_": "_", "(": ")", "[": "]"}
_PAIRS |= {"「": "」", "『": "』", "（": "）", "【": "】"}
_STARTS = ("{", "<", "```", *_PAIRS)
_INNER = {'"': "'", "“": "‘", "”": "’", "«": "‹", "»": "›", "(": "[", ")": "]", "[": "(", "]": ")"}
_INNER |= {"「": "『", "」": "』", "『": "「", "』": "」", "（": "〔", "）": "〕"}


def unwrap(text: str) -> tuple[str, str]:
    """The value of the wrapping, such as `json:answer` or `none`, and the text inside."""
    text = text.strip()
    if not text.startswith(_STARTS):
        return "none", text
    if (answer := _json(text)) is not None:
        return answer
    if (tag := _TAG.fullmatch(text)) and f"<{tag['name']}>" not in tag["body"]:
        return f"tag:{tag['name']}", tag["body"].strip()
    if (fence := _FENCE.fullmatch(text)) and "```" not in fence["body"]:
        return f"fence:{fence['language']}", fence["body"]
    for left, right in _PAIRS.items():
        inside = text[len(left) : -len(right)]
        if text == f"{left}{inside}{right}" and inside.strip() and not {*left, *right} & {*inside}:
            return f"marks:{left}", inside
    return "none", text


def wrap(text: str, value: str) -> str:
    """The text with that wrapping; other marks replace the same marks inside the text."""
    kind, _, name = value.partition(":")
    match kind:
        case "json":
            return json.dumps({name: text}, ensure_ascii=False)
        case "tag":
            return f"<{name}>{text}</{name}>"
        case "fence":
            return f"```{name}\n{text}\n```"
        case "marks":
            for mark in {*name, *_PAIRS[name]}:
                text = text.replace(mark, _INNER.get(mark, ""))
            return name + text + _PAIRS[name]
    return text


def _json(text: str) -> tuple[str, str] | None:
    if not text.startswith("{"):
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match list(content.items()):
        case [(name, str(body))]:
            return f"json:{name}", body
    return None


def _values(change: Change) -> Iterable[str]:
    yield unwrap(change.corrected)[0]


def _rewrap(text: str, value: str) -> str:
    return wrap(unwrap(text)[1], value)


def _sentence(value: str) -> str:
    kind, _, name = value.partition(":")
    match kind:
        case "json":
            return f"Answers in JSON: {json.dumps({name: '…'}, ensure_ascii=False)}."
        case "tag":
            return f"Wraps the reply in <{name}>."
        case "fence":
            return "Puts the reply into a code block."
        case "marks":
            return f"Puts the reply between {name} and {_PAIRS[name]}."
    return "Wraps the reply in nothing."


def _is_wrapping(value: str) -> bool:
    kind, _, name = value.partition(":")
    match kind:
        case "tag":
            return _TAG_NAME.fullmatch(name) is not None
        case "fence":
            return _LANGUAGE.fullmatch(name) is not None
        case "marks":
            return name in _PAIRS
    return value == "none" or value.startswith("json:")


WRAPPING = Attribute(
    "wrapping",
    each(_values),
    lambda text, value: unwrap(text)[0] == value,
    _rewrap,
    _sentence,
    _is_wrapping,
    is_outer=True,
)
