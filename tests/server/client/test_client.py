"""The Python client against a running server."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from server.client import ApiError, Client
from tests.server.live import LiveServer, Person
from tests.waiting import wait_until

OPTIONS = {"max_tokens": 8, "temperature": 0}


@pytest.fixture
def mine(live: LiveServer, person: Person) -> Iterator[Client]:
    with Client(live.url, person.key) as client:
        yield client


@pytest.fixture
def admin(live: LiveServer) -> Iterator[Client]:
    with Client(live.url, live.admin_key) as client:
        yield client


def answering(*events: str) -> Client:
    """A client of a server that streams these events whatever it is asked."""
    body = "".join(f"data: {event}\n\n" for event in events)
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text=body))
    return Client("http://stub", "key", transport=transport)


def test_the_client_imports_only_httpx() -> None:
    code = (
        "import sys, httpx\n"
        "before = set(sys.modules)\n"
        "import server.client\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "assert new - sys.stdlib_module_names == {'server'}, new\n"
        "ours = {name for name in sys.modules if name.startswith('server.')}\n"
        "assert all(name.startswith('server.client') for name in ours), ours\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_a_reply_names_the_adapter_and_the_memory_in_its_prompt(mine: Client) -> None:
    reply = mine.chat("hello", **OPTIONS)
    assert reply.id.startswith("chatcmpl-")
    assert (reply.adapter, reply.finish_reason) == ("base", "length")
    assert reply.memory["demonstrations"] == 0
    assert reply.text


def test_a_streamed_reply_is_the_whole_one_in_pieces(mine: Client) -> None:
    with mine.stream("hello", **OPTIONS) as stream:
        pieces = list(stream)
    whole = mine.chat("hello", **OPTIONS)
    assert stream.reply is not None
    assert "".join(pieces) == stream.reply.text == whole.text
    assert (stream.reply.adapter, stream.reply.memory) == (whole.adapter, whole.memory)
    assert stream.reply.finish_reason == "length"


def test_a_url_may_end_in_v1(live: LiveServer, person: Person) -> None:
    with Client(f"{live.url}/v1/", person.key) as client:
        assert client.me()["user"]["name"] == person.name


def test_the_next_reply_has_a_correction_in_its_prompt(mine: Client) -> None:
    reply = mine.chat("hello", **OPTIONS)
    mine.feedback(reply.id, correction="hello to you")
    assert mine.chat("hello again", **OPTIONS).memory["demonstrations"] == 1


def test_a_stream_that_is_left_stops_the_server(live: LiveServer, mine: Client) -> None:
    with mine.stream("hello", max_tokens=900, ignore_eos=True) as stream:
        next(iter(stream))
    wait_until(lambda: not live.services.runtime.engine.is_busy)
    assert stream.reply is not None
    assert stream.reply.finish_reason is None


def test_feedback_is_given_listed_and_taken_back(mine: Client) -> None:
    one, two = (mine.chat("hello", max_tokens=8, seed=seed) for seed in (1, 2))
    mine.feedback(one.id, rating="up")
    given = mine.feedback(two.id, comment="too long", preferred_over=one.id)
    assert [each["target"] for each in mine.my_feedback()] == [one.id, two.id]
    mine.delete_feedback(given["id"])
    assert list(mine.my_feedback(two.id)) == []


def test_feedback_on_many_pages_is_listed_to_its_end() -> None:
    pages = {
        "": {"data": [{"id": "a"}], "has_more": True, "last_id": "a"},
        "a": {"data": [{"id": "b"}], "has_more": False, "last_id": "b"},
    }
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, json=pages[request.url.params.get("after", "")])
    )
    with Client("http://stub", "key", transport=transport) as client:
        assert [each["id"] for each in client.my_feedback()] == ["a", "b"]


def test_a_user_sees_what_was_learned_and_the_rules(mine: Client) -> None:
    for number in range(3):
        reply = mine.chat(f"question {number}", **OPTIONS)
        mine.feedback(reply.id, correction=f"{reply.text.strip()} Have a nice day {number}!")
    assert mine.me()["counts"]["corrections"] == 3
    assert mine.rules() == mine.get("/v1/me/rules")["data"]


def test_an_admin_trains_a_user_and_follows_the_run_to_its_end(admin: Client) -> None:
    name = "followed to the end"
    admin.add_user(name)
    assert name in [each["name"] for each in admin.users()]
    *_, last = admin.follow(admin.train(name)["id"])
    assert last["status"] == "refused"


def test_a_refusal_has_the_servers_sentence_status_and_code(live: LiveServer) -> None:
    with Client(live.url, "lk-wrong") as client, pytest.raises(ApiError) as refused:
        client.chat("hello", model="tiny")
    assert (refused.value.status, refused.value.code) == (401, "invalid_api_key")
    assert "key" in str(refused.value)


def test_a_refused_stream_has_the_servers_sentence(mine: Client) -> None:
    with pytest.raises(ApiError) as refused, mine.stream("hello", model="unknown"):
        pass
    assert (refused.value.status, refused.value.code) == (404, "model_not_found")


def test_an_error_in_the_middle_of_a_stream_is_raised() -> None:
    event = '{"error": {"message": "The disk is full.", "code": "storage_full"}}'
    with (
        answering(event) as client,
        pytest.raises(ApiError, match="The disk is full") as failed,
        client.stream("hello", model="m") as stream,
    ):
        list(stream)
    assert (failed.value.status, failed.value.code) == (None, "storage_full")


def test_a_stream_that_breaks_off_is_an_error() -> None:
    with (
        answering() as client,
        pytest.raises(ApiError, match="too early"),
        client.stream("hello", model="m") as stream,
    ):
        list(stream)


def test_without_a_server_the_error_asks_whether_it_runs() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as free:
        port = free.server_port
    with Client(f"http://127.0.0.1:{port}", "key") as client, pytest.raises(ApiError) as failed:
        client.me()
    assert "is it running?" in str(failed.value)
    assert failed.value.status is None


@pytest.mark.parametrize("status", [200, 502])
def test_an_answer_of_another_server_is_an_error(status: int) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, text="<html>"))
    with Client("http://stub", "key", transport=transport) as client, pytest.raises(ApiError):
        client.me()


@pytest.mark.parametrize("url", ["localhost", "http://", "ftp://host"])
def test_a_url_that_is_none_is_an_error(url: str) -> None:
    with pytest.raises(ApiError), Client(url, "key") as client:
        client.me()
