"""What a whole reply is wrapped in: JSON, a tag, a code fence, quotation marks or none of them.

Other properties look at what is inside, except inside a code fence, where no prose is.
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
_STARTS = ("{", "<", "```", *_PAIRS)
_INNER = {'"': "'", "“": "‘", "”": "’", "«": "‹", "»": "›", "(": "[", ")": "]", "[": "(", "]": ")"}


def unwrap(text: str) -> tuple[str, str]:
    """The wrapping's value, such as `json:answer` or `none`, and what is inside."""
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
    """The text inside that wrapping. Marks of the same kind in the text give way to others."""
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
