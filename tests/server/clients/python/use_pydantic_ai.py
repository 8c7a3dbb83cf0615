"""Pydantic AI: an output type is a function that must be called."""

from typing import Literal

from forced import API_KEY, BASE_URL, MAX_TOKENS, MODEL, QUESTION, check
from pydantic import BaseModel
from pydantic_ai import Agent, ToolOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class Weather(BaseModel):
    """The weather in a city."""

    city: Literal["Paris", "Oslo"]


class Now(BaseModel):
    """The time."""


model = OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=BASE_URL, api_key=API_KEY))
settings = {"temperature": 0, "max_tokens": MAX_TOKENS, "timeout": 600}
names = {Weather: "weather", Now: "now"}
for outputs in ([Weather, Now], [Weather], [Now]):
    agent = Agent(
        model,
        output_type=[ToolOutput(each, name=names[each]) for each in outputs],
        model_settings=settings,
        retries=0,
    )
    found = agent.run_sync(QUESTION).output
    assert type(found) in outputs
    check(names[type(found)], found.model_dump())

    streamed = agent.run_stream_sync(QUESTION)
    found = streamed.get_output()
    assert type(found) in outputs
    check(names[type(found)], found.model_dump())
