"""Versions that change, go and are erased while real vLLM servers write replies with them."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from server.base_model.engines import VLLM_LINKS
from server.engine.vllm.adapter_links import name_of
from tests.server.engine.vllm.stand_in import links_of
from tests.server.live import LiveServer, Person
from tests.server.peft_folder import import_version
from tests.vllm.conftest import QUESTION, promote, text_of
from tests.vllm.running import KEY, Vllm
from tests.waiting import wait_until

CHAT = "/v1/chat/completions"
TURNS = 20
SLOW: dict[str, Any] = {**QUESTION, "max_tokens": 400, "stream": True}

pytestmark = pytest.mark.timeout(1800)


def hear(client: httpx.Client) -> tuple[str, str]:
    """The version that answers now, and what it says."""
    answer = client.post(CHAT, json=QUESTION).raise_for_status()
    return answer.headers["x-loralei-adapter"], text_of(answer.json())


@contextmanager
def chatting(server: LiveServer, people: list[Person]) -> Iterator[set[tuple[str, str, str]]]:
    """Let them chat meanwhile, without any error; at the end (person, version, text) is there."""
    heard: set[tuple[str, str, str]] = set()
    is_over = threading.Event()

    def chat(person: Person) -> None:
        with server.client(person.key) as client:
            client.timeout = httpx.Timeout(600)
            while not is_over.is_set():
                heard.add((person.id, *hear(client)))

    with ThreadPoolExecutor(len(people)) as pool:
        chats = [pool.submit(chat, person) for person in people]
        try:
            yield heard
        finally:
            is_over.set()
        for each in chats:
            each.result()


@contextmanager
def slow_reply(server: LiveServer, person: Person) -> Iterator[Iterator[str]]:
    """The lines of a long reply that has begun."""
    with (
        server.client(person.key) as client,
        client.stream("POST", CHAT, json=SLOW, timeout=600) as answer,
    ):
        lines = (line for line in answer.iter_lines() if line)
        next(line for line in lines if '"content":"' in line.replace(" ", ""))
        yield lines


def rest_of(lines: Iterator[str]) -> str:
    """The text of a stream, to its end."""
    *events, done = lines
    assert done == "data: [DONE]"
    choices = [choice for line in events for choice in json.loads(line[6:])["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def vllm_name(server: LiveServer, person: Person, number: int) -> str:
    """A version's name in vLLM."""
    return name_of(server.services.stores.registry.version(person.id, number))


def is_known(server: LiveServer, vllms: list[Vllm], name: str) -> bool:
    """Whether a vLLM server lists an adapter, or could read its files."""
    headers = {"Authorization": f"Bearer {KEY}"}
    answers = [httpx.get(f"{each.url}/v1/models", headers=headers, timeout=60) for each in vllms]
    listed = {model["id"] for answer in answers for model in answer.json()["data"]}
    return name in listed | links_of(server.services.stores.folder.adapters / VLLM_LINKS)


def test_the_next_reply_is_of_the_version_that_a_promotion_or_rollback_chose(
    server: LiveServer, people: list[Person], words: dict[str, str]
) -> None:
    learner, others = server.new_person(), people[:2]
    says = {(person.id, "v1", words[person.id]) for person in others}
    with server.client(learner.key) as client, server.admin() as admin:
        says.add((learner.id, *hear(client)))
        for number in (1, 2):
            import_version(server, learner, 10 + number)
            promote(server, learner, number)
            says.add((learner.id, *hear(client)))
        path = f"/v1/admin/adapters/{learner.id}"
        with chatting(server, [learner, learner, *others]) as heard:
            for turn in range(TURNS):
                if turn % 4 == 3:
                    now = admin.post(f"{path}/rollback").raise_for_status().json()["to"]
                else:
                    now = ("v1", "v2", "base")[turn % 4]
                    admin.post(f"{path}/promote", json={"version": now}).raise_for_status()
                said = (learner.id, *hear(client))
                assert said in says and said[1] == now
    assert heard == says


def test_a_version_that_is_deleted_ends_its_reply_and_leaves_vllm(
    server: LiveServer, vllms: list[Vllm]
) -> None:
    person = server.new_person()
    for number in (1, 2):
        import_version(server, person, 20 + number)
    promote(server, person, 2)
    name = vllm_name(server, person, 2)
    with slow_reply(server, person) as lines:
        alone = rest_of(lines)
    assert is_known(server, vllms, name)
    with slow_reply(server, person) as lines, server.admin() as admin:
        promote(server, person, 1)
        admin.delete(f"/v1/admin/adapters/{person.id}/versions/2").raise_for_status()
        assert server.services.runtime.engine.num_running == 1
        assert rest_of(lines) == alone
    wait_until(lambda: not is_known(server, vllms, name))
    with server.client(person.key) as client:
        assert hear(client)[0] == "v1"


def test_a_user_who_is_erased_during_a_reply_leaves_vllm_and_disturbs_nobody(
    server: LiveServer, vllms: list[Vllm], people: list[Person], words: dict[str, str]
) -> None:
    person, others = server.new_person(), people[:2]
    import_version(server, person, 30)
    promote(server, person, 1)
    name = vllm_name(server, person, 1)
    with chatting(server, others) as heard:
        with slow_reply(server, person) as lines, server.client(person.key) as client:
            assert is_known(server, vllms, name)
            client.delete("/v1/me").raise_for_status()
            list(lines)
        wait_until(lambda: not is_known(server, vllms, name))
    assert heard == {(each.id, "v1", words[each.id]) for each in others}
