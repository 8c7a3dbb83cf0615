"""What a frontend calls its user, as a short printable text. Pure."""

import base64
import binascii
from urllib.parse import unquote

MAX_DISPLAY_NAME_LENGTH = 100
_BASE64 = "b64:"


def display_name(sent: str) -> str | None:
    """The name in a header or claim; None if there is none, or a placeholder that was not filled.

    Open WebUI percent-encodes names. LibreChat sends names beyond Latin-1 as `b64:` and base64.
    """
    text = unquote(_from_base64(sent[: 16 * MAX_DISPLAY_NAME_LENGTH]))
    printable = "".join(each if each.isprintable() else " " for each in text)
    name = " ".join(printable.split())[:MAX_DISPLAY_NAME_LENGTH].strip()
    return None if "{{" in name else name or None


def _from_base64(text: str) -> str:
    if not text.startswith(_BASE64):
        return text
    try:
        return base64.b64decode(text[len(_BASE64) :], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text
