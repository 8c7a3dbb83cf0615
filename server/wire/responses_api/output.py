"""The output items of a response while they grow, and the events that tell of them."""

from collections.abc import Iterator, Sequence

from server.wire.reply_ids import call_item_id, message_id, reasoning_id
from server.wire.responses import Json, tool_calls_json
from server.wire.tool_calls import ToolCall


class ResponseOutput:
    """Writes one reply as items: its reasoning, its text, its calls.

    An item is open until another kind follows. `items` are those that are done. An event holds
    until the next one is taken: the item in it may grow.
    """

    def __init__(self, completion_id: str) -> None:
        self._completion_id = completion_id
        self._open: Json | None = None
        self._logprobs: list[Json] = []  # of tokens whose text is still to come
        self._num_calls = 0
        self.items: list[Json] = []

    def add(
        self,
        *,
        reasoning: str = "",
        content: str = "",
        logprobs: Sequence[Json] = (),
        calls: Sequence[ToolCall] = (),
    ) -> Iterator[Json]:
        """Add what is new, in this order; yields the events, which have no numbers yet."""
        if reasoning:
            yield from self._add_reasoning(reasoning)
        self._logprobs += logprobs
        if content:
            yield from self._add_text(content)
        for call in calls:
            yield from self._add_call(call)

    def close(self, *, is_truncated: bool) -> Iterator[Json]:
        """End the open item; a reply without any item gets an empty text."""
        if self._open is None and not self.items:
            yield from self._open_text()
        yield from self._close("incomplete" if is_truncated else "completed")

    def _add_reasoning(self, text: str) -> Iterator[Json]:
        if self._open is None or self._open["type"] != "reasoning":
            item = {"id": reasoning_id(self._completion_id), "type": "reasoning", "summary": []}
            yield from self._open_item(item, {"type": "reasoning_text", "text": ""})
        yield from self._extend("reasoning_text", text)

    def _add_text(self, text: str) -> Iterator[Json]:
        if self._open is None or self._open["type"] != "message":
            yield from self._open_text()
        yield from self._extend("output_text", text, logprobs=self._take_logprobs())

    def _take_logprobs(self) -> list[Json]:
        assert self._open is not None
        taken, self._logprobs = self._logprobs, []
        self._open["content"][0]["logprobs"] += taken
        return taken

    def _open_text(self) -> Iterator[Json]:
        item = {"id": message_id(self._completion_id), "type": "message", "role": "assistant"}
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        yield from self._open_item(item, part)

    def _open_item(self, item: Json, part: Json) -> Iterator[Json]:
        yield from self._close("completed")
        self._open = {**item, "status": "in_progress", "content": [part]}
        yield self._item_event("added", {**self._open, "content": []})
        yield self._part_event("response.content_part.added", part=part)

    def _extend(self, kind: str, text: str, **more: object) -> Iterator[Json]:
        assert self._open is not None
        self._open["content"][0]["text"] += text
        yield self._part_event(f"response.{kind}.delta", delta=text, **more)

    def _close(self, status: str) -> Iterator[Json]:
        if self._open is None:
            return
        [part] = self._open["content"]
        if part["type"] == "output_text":
            self._take_logprobs()
            yield self._part_event(
                "response.output_text.done", text=part["text"], logprobs=part["logprobs"]
            )
        else:
            yield self._part_event("response.reasoning_text.done", text=part["text"])
        yield self._part_event("response.content_part.done", part=part)
        self._open["status"] = status
        yield self._item_event("done", self._open)
        self.items.append(self._open)
        self._open = None

    def _add_call(self, call: ToolCall) -> Iterator[Json]:
        yield from self._close("completed")
        [made] = tool_calls_json(self._completion_id, 0, [call], first=self._num_calls)
        item: Json = {
            "id": call_item_id(self._completion_id, self._num_calls),
            "type": "function_call",
            "status": "completed",
            "call_id": made["id"],
            "name": call.name,
            "arguments": call.arguments,
        }
        self._num_calls += 1
        at = {"item_id": item["id"], "output_index": len(self.items)}
        yield self._item_event("added", {**item, "status": "in_progress", "arguments": ""})
        event = "response.function_call_arguments"
        yield {"type": f"{event}.delta", **at, "delta": call.arguments}
        yield {"type": f"{event}.done", **at, "name": call.name, "arguments": call.arguments}
        yield self._item_event("done", item)
        self.items.append(item)

    def _item_event(self, what: str, item: Json) -> Json:
        kind = f"response.output_item.{what}"
        return {"type": kind, "output_index": len(self.items), "item": item}

    def _part_event(self, kind: str, **fields: object) -> Json:
        assert self._open is not None
        at = {"item_id": self._open["id"], "output_index": len(self.items), "content_index": 0}
        return {"type": kind, **at, **fields}


def output_items(
    completion_id: str,
    content: str,
    calls: Sequence[ToolCall],
    *,
    is_truncated: bool,
    reasoning: str = "",
    logprobs: Sequence[Json] = (),
) -> list[Json]:
    """The items of a whole reply: those that its stream would have had."""
    output = ResponseOutput(completion_id)
    for _ in output.add(reasoning=reasoning, content=content, logprobs=logprobs, calls=calls):
        pass
    for _ in output.close(is_truncated=is_truncated):
        pass
    return output.items
