"""Hides what is not prose: code, tables, formulas, links. No rule may change those.

Each hidden piece becomes one private-use character, which has no case and is no letter, so that
sentences still have their length and place.
"""

import re

_PIECE = re.compile(
    r"""
      (?P<block>
          ^[ \t]*(?P<fence>```|~~~).*?(?:^[ \t]*(?P=fence)[ \t]*$|\Z)      # fenced code
        | ^[ \t]*\|.*\|[ \t]*$(?:\n[ \t]*\|.*\|[ \t]*$)*                   # a table
        | \$\$.+?\$\$ | \\\[(?:(?!\\\[).)+?\\\]                            # a formula
      )
    | `+[^`\n]+`+                                                          # code in a line
    | \\\((?:(?!\\\()[^\n])+?\\\)                                           # a formula in a line
    | (?:https?://|www\.)[^\s<>()\[\]"']*[^\s<>()\[\]"'.,;:!?]
    | (?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+
    | [\U000F0000-\U0010FFFF]                                              # our own stand-ins
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
# No piece begins without one of these: most replies are plain, and looked at often.
_SIGN = re.compile("[`~|$\\\\@\U000f0000-\U0010ffff]|https?:|www")
_INLINE, _BLOCK = 0xF0000, 0x100000
_MOST = 0xFFFF

INLINE = "[\U000f0000-\U000fffff]"
BLOCK = "[\U00100000-\U0010ffff]"
_STAND_IN = re.compile(f"{INLINE}|{BLOCK}")


def mask(text: str) -> tuple[str, tuple[str, ...]]:
    """The text with stand-ins for what is not prose, and the hidden pieces in order."""
    if _SIGN.search(text) is None:
        return text, ()
    hidden: list[str] = []

    def stand_in(match: re.Match[str]) -> str:
        hidden.append(match[0])
        return chr((_BLOCK if match["block"] else _INLINE) + len(hidden) - 1)

    return _PIECE.sub(stand_in, text, count=_MOST), tuple(hidden)


def unmask(text: str, hidden: tuple[str, ...]) -> str:
    """The text with the hidden pieces back in place of their stand-ins."""
    return _STAND_IN.sub(lambda match: hidden[ord(match[0]) & _MOST], text)


def is_plain(text: str) -> bool:
    """Whether nothing in the text is a stand-in."""
    return _STAND_IN.search(text) is None
