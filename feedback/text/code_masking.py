"""Masks everything that is not prose: code, tables, formulas, links. No rule may change those.

One private-use character replaces each piece. It is not a letter and has no case, so sentences
are still found.
"""

import re

from feedback.text.marks import OWN_END, WIDE_MARKS
from feedback.text.scripts import MARKS, SPACED, compiled

# A link ends before a mark of a script that needs no space after it, as before a space.
_LINK = rf"""(?!{OWN_END})[^\s<>()\[\]"'“”{WIDE_MARKS}]"""
# Without the letters of scripts without spaces: those are of the text around an address.
_NAME, _HOST = rf"[{SPACED}{MARKS}_.+-]", rf"[{SPACED}{MARKS}_-]"
_PIECE = compiled(
    rf"""
      (?P<block>
          ^[ \t]*(?P<fence>```|~~~).*?(?:^[ \t]*(?P=fence)[ \t]*$|\Z)      # fenced code
        | ^[ \t]*\|.*\|[ \t]*$(?:\n[ \t]*\|.*\|[ \t]*$)*                   # a table
        | \$\$.+?\$\$ | \\\[(?:(?!\\\[).)+?\\\]                            # a formula
      )
    | `+[^`\n]+`+                                                          # code in a line
    | \\\((?:(?!\\\()[^\n])+?\\\)                                           # a formula in a line
    | (?:https?://|www\.)(?:{_LINK})*{_LINK}(?<![.,;:!?])
    | (?<!{_NAME}){_NAME}++@{_HOST}++(?:\.{_HOST}++)+
    | [\U000F0000-\U0010FFFF]                                              # our own stand-ins
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
# Every piece contains one of these: a quick test, as most replies are plain.
_SIGN = re.compile("[`~|$\\\\@\U000f0000-\U0010ffff]|https?:|www")
_INLINE, _BLOCK = 0xF0000, 0x100000
_MAX_PIECES = 0xFFFF

INLINE = "[\U000f0000-\U000fffff]"
BLOCK = "[\U00100000-\U0010ffff]"
_STAND_IN = re.compile(f"{INLINE}|{BLOCK}")


def mask(text: str) -> tuple[str, tuple[str, ...]]:
    """The text with stand-ins for everything that is not prose, and the masked pieces in order."""
    if _SIGN.search(text) is None:
        return text, ()
    pieces: list[str] = []

    def stand_in(match: re.Match[str]) -> str:
        pieces.append(match[0])
        return chr((_BLOCK if match["block"] else _INLINE) + len(pieces) - 1)

    return _PIECE.sub(stand_in, text, count=_MAX_PIECES), tuple(pieces)


def unmask(text: str, pieces: tuple[str, ...]) -> str:
    """The text with the masked pieces in place of their stand-ins."""
    return _STAND_IN.sub(lambda match: pieces[ord(match[0]) & _MAX_PIECES], text)


def is_plain(text: str) -> bool:
    """Whether the text has no stand-in."""
    return _STAND_IN.search(text) is None
