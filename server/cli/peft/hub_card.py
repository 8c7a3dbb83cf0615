"""The model card of an adapter in a Hugging Face repository. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from adapters_store.models.built_in import BUILT_IN
from adapters_store.peft_config import TRAINED_ELSEWHERE

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_FRONT_MATTER = re.compile(r"---\n.*?\n---\n", re.S)
_LEARNED = (
    "This adapter was learned from one person's chats and feedback. It may repeat them word for"
    " word, and whoever can download it can try to find out what that person wrote."
)
_IMPORTED = "What this adapter was trained on is not known here."


def hub_card(card: str, config: Mapping[str, Any]) -> str:
    """The `README.md` of a version's PEFT folder as a model card, with its `adapter_config.json`.

    It names the base model, the base's licence if that is known, and what the weights may reveal.
    """
    name = str(config.get("base_model_name_or_path", ""))
    built_in = BUILT_IN.get(name)
    hub_id = built_in.hub_id if built_in else name if _HUB_ID.fullmatch(name) else None
    # The Hub refuses a base model that is no id.
    base = [f"base_model: {hub_id}"] if hub_id else []
    front_matter = ["---", "library_name: peft", *base, "tags:", "- lora", "---"]
    body = _FRONT_MATTER.sub("", card, count=1).strip()
    licence = (
        f"The licence of the base model, {built_in.title}, is {built_in.licence}."
        if built_in
        else "The licence of the base model is not known here: look it up before you pass this on."
    )
    origin = _IMPORTED if TRAINED_ELSEWHERE in card else _LEARNED
    parts = ("\n".join(front_matter), body, "## Privacy", origin, "## Licence", licence)
    return "\n\n".join(parts) + "\n"
