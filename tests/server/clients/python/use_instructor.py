"""Instructor: it names the one function that must be called."""

from typing import Literal

import instructor
from forced import API_KEY, BASE_URL, MAX_TOKENS, MESSAGES, MODEL, check
from openai import OpenAI
from pydantic import BaseModel


class weather(BaseModel):  # the name of the function
    """The weather in a city."""

    city: Literal["Paris", "Oslo"]


client = instructor.from_openai(
    OpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0, timeout=600),
    mode=instructor.Mode.TOOLS,
)
asked = {
    "model": MODEL,
    "messages": MESSAGES,
    "temperature": 0,
    "max_tokens": MAX_TOKENS,
    "max_retries": 0,
}
found = client.chat.completions.create(response_model=weather, **asked)
check("weather", found.model_dump())

*_, last = client.chat.completions.create_partial(response_model=weather, **asked)
check("weather", last.model_dump())
