"""How Open WebUI is connected, as text. Pure."""

import json
from dataclasses import dataclass
from pathlib import Path

FUNCTION = Path(__file__).with_name("loralei_feedback.py")
CONNECTION_HEADERS = {
    "X-Loralei-Message-Id": "{{MESSAGE_ID}}",
    "X-Loralei-Chat-Id": "{{CHAT_ID}}",
    "X-Loralei-Task": "{{TASK}}",
}
NO_BUILT_IN_TOOLS = {"capabilities": {"builtin_tools": False}}


@dataclass(frozen=True, slots=True)
class Identity:
    """How Open WebUI says who is chatting: signed with `secret`, or in plain headers.

    `command` lets Loralei check it; None if it does already.
    """

    secret: str | None
    command: str | None = None


def open_webui_environment(base_url: str, key: str, identity: Identity) -> dict[str, str]:
    """The variables that Open WebUI needs."""
    signed = {"FORWARD_USER_INFO_HEADER_JWT_SECRET": identity.secret} if identity.secret else {}
    return {
        "ENABLE_FORWARD_USER_INFO_HEADERS": "true",
        **signed,
        "OPENAI_API_BASE_URLS": base_url,
        "OPENAI_API_KEYS": key,
        "OPENAI_API_CONFIGS": json.dumps({"0": {"headers": CONNECTION_HEADERS}}),
        "DEFAULT_MODEL_METADATA": json.dumps(NO_BUILT_IN_TOOLS),
    }


def recipe(base_url: str, name: str, key: str | None, identity: Identity) -> str:
    """The three steps, in order. Without a `key` the frontend has one already."""
    shown = key or f"<the key of {name}>"
    variables = open_webui_environment(base_url, shown, identity)
    lines = [
        f"1. Loralei: {_loralei_step(identity)}",
        "",
        "2. Open WebUI: start it with these variables.",
        "",
        *(f"     {variable}={_quoted(value)}" for variable, value in variables.items()),
        "",
        "   It reads the last four only at its first start. Later, enter URL, key and headers",
        "   under Admin Panel > Settings > Connections, and turn off the capability Builtin Tools",
        "   under Settings > Models. The headers:",
        "",
        f"     {json.dumps(CONNECTION_HEADERS)}",
        "",
        "3. Feedback: under Admin Panel > Functions make a new function with the content of",
        "",
        f"     {FUNCTION}",
        "",
        "   (`loralei connect open-webui --function` prints it), turn it on, and set its valves:",
        "",
        f"     base_url      {base_url}",
        f"     frontend_key  {shown}",
    ]
    if key is None:
        lines += [
            "",
            f"The key of {name} was shown when it was made. If you do not have it, `loralei users",
            f"key {name}` makes a new one; the old one stops working.",
        ]
    else:
        lines += ["", "The key is shown only this once."]
    return "\n".join(lines)


def _loralei_step(identity: Identity) -> str:
    if identity.command is None:
        return "it is set up for this already."
    return f"let it check who is chatting.\n\n     {identity.command}"


def _quoted(value: str) -> str:
    return f"'{value}'" if "{" in value or "<" in value else value
