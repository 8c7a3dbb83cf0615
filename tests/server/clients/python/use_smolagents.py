"""smolagents: every step of its agent must be a call."""

from forced import API_KEY, BASE_URL, CHOICES, MAX_TOKENS, MODEL, QUESTION, check
from smolagents import OpenAIModel, Tool, ToolCallingAgent
from smolagents.models import ChatMessage, agglomerate_stream_deltas


class Weather(Tool):
    name = "weather"
    description = "The weather in a city."
    inputs = {"city": {"type": "string", "enum": ["Paris", "Oslo"], "description": "Which."}}
    output_type = "string"

    def forward(self, city: str) -> str:
        return "sunny"


class Now(Tool):
    name = "now"
    description = "The time."
    inputs = {}
    output_type = "string"

    def forward(self) -> str:
        return "noon"


model = OpenAIModel(
    MODEL,
    api_base=BASE_URL,
    api_key=API_KEY,
    client_kwargs={"max_retries": 0, "timeout": 600},
    temperature=0,
    max_tokens=MAX_TOKENS,
)
tools = [Weather(), Now()]
messages = [ChatMessage(role="user", content=QUESTION)]
for choice in CHOICES:
    asked = {"tools_to_call_from": tools, "tool_choice": choice}
    [call] = model.generate(messages, **asked).tool_calls
    check(call.function.name, call.function.arguments, choice)

    message = agglomerate_stream_deltas(list(model.generate_stream(messages, **asked)))
    [call] = message.tool_calls
    check(call.function.name, call.function.arguments, choice)

agent = ToolCallingAgent(tools=tools, model=model, max_steps=1, verbosity_level=0)
agent.run(QUESTION)
assert agent.memory.steps[1].tool_calls
