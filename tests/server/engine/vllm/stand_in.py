"""A small HTTP server that answers as vLLM does, in its shapes: the real one takes gigabytes.

`make test-vllm` has the real one.
"""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from adapters_store.base_model import Renderer
from tests.waiting import wait_until

Json = dict[str, Any]


@dataclass
class StandIn:
    """What the server does, and what it was asked for.

    Every model replies with its own name, and then ends its turn; it goes on with a part. After
    `breaks_after` tokens the connection breaks. While it `hangs` it writes nothing, but it is
    healthy.
    """

    renderer: Renderer
    root: str
    url: str = ""
    adapters: dict[str, str] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Json] = field(default_factory=list)
    key: str = ""
    can_load: bool = True
    can_unload: bool = True
    most_rank: int = 8
    most_logprobs: int = 50
    context_length: int = 512
    is_healthy: bool = True
    breaks_after: int | None = None
    hangs: bool = False
    tokens: list[int] = field(default_factory=list)

    def reply_of(self, model: str) -> list[int]:
        """The token ids of a model's reply."""
        if self.tokens:
            return self.tokens
        return [*self.renderer.text_ids(model), min(self.renderer.eos_token_ids)]

    def rest_of_reply(self, model: str, prompt: list[int]) -> list[int]:
        """What is left to write if the prompt ends with a part of the reply."""
        reply = self.reply_of(model)
        sizes = range(len(reply) - 1, 0, -1)
        return reply[next((n for n in sizes if prompt[-n:] == reply[:n]), 0) :]


def refusal(status: int, message: str) -> JSONResponse:
    """An error in vLLM's shape."""
    return JSONResponse({"error": {"message": message, "code": status}}, status)


def application(server: StandIn) -> FastAPI:
    """The routes that Loralei uses."""
    app = FastAPI()

    @app.middleware("http")
    async def check_key(request: Request, call_next: Any) -> Response:
        wanted = f"Bearer {server.key}"
        path = request.url.path
        if server.key and path.startswith("/v1") and request.headers.get("authorization") != wanted:
            return JSONResponse({"error": "Unauthorized"}, 401)
        answer: Response = await call_next(request)
        return answer

    @app.get("/health")
    async def health() -> Response:
        return Response(status_code=200 if server.is_healthy else 503)

    @app.get("/v1/models")
    async def models() -> Json:
        base = {"id": "base", "root": server.root, "max_model_len": server.context_length}
        adapters = [{"id": name, "parent": "base"} for name in server.adapters]
        return {"data": [base | {"parent": None}, *adapters]}

    @app.post("/tokenize")
    async def tokenize(body: Json) -> Json:
        server.log.append(("tokenize", ""))
        while server.hangs:
            await asyncio.sleep(0.01)
        tokenizer = server.renderer.tokenizer
        return {"tokens": list(tokenizer.encode(body["prompt"], add_special_tokens=False))}

    @app.post("/v1/load_lora_adapter")
    async def load(body: Json) -> Response:
        name, folder = body["lora_name"], Path(body["lora_path"])
        if not server.can_load:
            return JSONResponse({"detail": "Not Found"}, 404)
        if not name:
            return refusal(400, "Both 'lora_name' and 'lora_path' must be provided.")
        if name in server.adapters:
            return refusal(400, f"The lora adapter '{name}' has already been loaded.")
        rank = json.loads((folder / "adapter_config.json").read_text())["r"]
        assert (folder / "adapter_model.safetensors").is_file()
        if rank > server.most_rank:
            return refusal(500, f"LoRA rank {rank} is greater than max_lora_rank")
        server.log.append(("load", name))
        server.adapters[name] = str(folder)
        return Response()

    @app.post("/v1/unload_lora_adapter")
    async def unload(body: Json) -> Response:
        name = body["lora_name"]
        if not server.can_unload:
            return refusal(500, "EngineCore encountered an issue.")
        if server.adapters.pop(name, None) is None:
            return refusal(404, f"The lora adapter '{name}' cannot be found.")
        server.log.append(("unload", name))
        return Response()

    @app.post("/v1/completions")
    async def complete(body: Json) -> Response:
        server.bodies.append(body)
        model = body["model"]
        if model != "base" and model not in server.adapters:
            return refusal(404, f"The model `{model}` does not exist.")
        if (body.get("prompt_logprobs") or 0) > server.most_logprobs:
            return refusal(400, "Requested prompt logprobs of 50, which is greater than allowed")
        if not server.is_healthy:
            return refusal(500, "EngineCore encountered an issue.")
        server.log.append(("complete", model))
        if not body.get("stream"):
            places = [
                {str(token): {"logprob": -token}, "7": {"logprob": -0.5}}
                for token in body["prompt"]
            ]
            return JSONResponse({"choices": [{"text": "", "prompt_logprobs": places}]})
        return StreamingResponse(events(body))

    async def events(body: Json) -> AsyncIterator[str]:
        reply = server.rest_of_reply(body["model"], body["prompt"])[: body["max_tokens"]]
        eos = min(server.renderer.eos_token_ids)
        while server.hangs:
            await asyncio.sleep(0.01)
        for place, token in enumerate(reply):
            if place == server.breaks_after:
                raise RuntimeError("the server dies")
            is_last = place == len(reply) - 1
            reason = ("stop" if token == eos else "length") if is_last else None
            told = {"token_logprobs": [-1.0], "top_logprobs": [{f"token_id:{token}": -1.0}]}
            choice = {"token_ids": [token], "logprobs": told, "finish_reason": reason}
            # Some readers of lines take these for line ends, and vLLM does not escape them.
            choice["text"] = "\x85\u2028\u2029"
            yield f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n"
        yield "data: [DONE]\n\n"

    return app


@contextmanager
def answering(server: StandIn, port: int = 0) -> Iterator[StandIn]:
    """Let it listen, on a free port unless one is given."""
    config = uvicorn.Config(application(server), port=port, log_level="critical", ws="none")
    http = uvicorn.Server(config)
    thread = threading.Thread(target=http.run, name="stand-in")
    thread.start()
    try:
        wait_until(lambda: http.started)
        host, used = http.servers[0].sockets[0].getsockname()
        server.url = f"http://{host}:{used}"
        yield server
    finally:
        http.should_exit = True
        thread.join()


def links_of(folder: Path) -> set[str]:
    """The adapters that have a folder of links."""
    return set(os.listdir(folder)) if folder.is_dir() else set()
