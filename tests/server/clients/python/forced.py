"""What every client is asked: calls that must be made, of a function with and without arguments."""

import json
import os
from typing import Any

BASE_URL = os.environ["BASE_URL"]
API_KEY = os.environ["API_KEY"]
MODEL = os.environ["MODEL"]
QUESTION = "What is the weather in Paris?"
MESSAGES = [{"role": "user", "content": QUESTION}]
MAX_TOKENS = 60
CITIES = ("Paris", "Oslo")

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": list(CITIES)}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
NOW = {"type": "function", "function": {"name": "now"}}
TOOLS = [WEATHER, NOW]
CHOICES = ("required", *({"type": "function", "function": {"name": n}} for n in ("weather", "now")))


def check(name: str, arguments: Any, choice: Any = "required") -> None:
    """Fail unless this is a call that the choice allows."""
    if isinstance(arguments, str):
        arguments = json.loads(arguments)
    if choice != "required":
        assert name == choice["function"]["name"], name
    if name == "weather":
        assert arguments["city"] in CITIES, arguments
    else:
        assert (name, arguments) == ("now", {}), (name, arguments)
