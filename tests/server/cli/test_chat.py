"""`loralei chat` against a running server, with piped input."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from server.cli.app import app
from server.cli.chat import learned_lines
from server.cli.terminal import Terminal
from server.client import Client
from tests.server.live import LiveServer, Person
from tests.server.peft_folder import import_version
from tests.waiting import wait_until

# A reply that is still being written when Ctrl-C comes.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from server.client import Client
stream = Client.stream
Client.stream = lambda self, messages: stream(
    self, messages, max_tokens=900, ignore_eos=True)
from server.cli.app import main
main()
"""


@pytest.fixture(autouse=True)
def short_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a reply may take all of the tiny model's context, and leaves no room for memory."""
    stream = Client.stream
    monkeypatch.setattr(Client, "stream", lambda self, asked: stream(self, asked, max_tokens=8))


@pytest.fixture
def server(
    live: LiveServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveServer]:
    """The running server, with a user's key in the environment."""
    monkeypatch.setenv("LORALEI_DATA_DIR", str(live.services.settings.data_dir))
    monkeypatch.setenv("LORALEI_KEY", person.key)
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    yield live


@pytest.fixture
def mine(server: LiveServer, person: Person) -> Iterator[Client]:
    with Client(server.url, person.key) as client:
        yield client


def chat(*lines: str, arguments: tuple[str, ...] = ()) -> Result:
    """Chat with these lines, to the end of the input."""
    typed = "".join(f"{line}\n" for line in lines)
    return CliRunner().invoke(app, ["chat", *arguments], input=typed)


def feedback(client: Client) -> list[dict[str, Any]]:
    """What was stored, without what was not said."""
    named = ("value", "correction", "comment", "preferred_over")
    return [
        {name: each[name] for name in named if each[name] is not None}
        for each in client.my_feedback()
    ]


def rows(server: LiveServer, person: Person, column: str) -> list[Any]:
    """A column of the person's stored exchanges, in order."""
    query = f"select {column} from interactions where user_id = ? order by created_at"
    return [row[column] for row in server.services.stores.database.query(query, [person.id])]


def test_a_reply_goes_to_stdout_and_who_answered_to_stderr(
    server: LiveServer, mine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = server.services.runtime.engine.renderer
    monkeypatch.setattr(renderer, "eos_token_ids", frozenset())  # else a reply may be empty
    result = chat("hello")
    assert result.exit_code == 0
    assert result.stdout.strip()
    assert "[the base model]" in result.stderr
    assert "[the base model]" not in result.stdout


def test_a_chat_names_the_version_that_answers_and_the_examples_in_the_prompt(
    server: LiveServer, person: Person, mine: Client
) -> None:
    import_version(server, person)
    with server.admin() as admin:
        admin.post(f"/v1/admin/adapters/{person.name}/promote", json={"version": 1})
    chat("hello", "/edit hello to you")
    said = chat("hello again").stderr
    assert f"{person.name}, you chat with v1" in said
    assert "[v1, with 1 example of yours]" in said


def test_thumbs_corrections_and_comments_are_feedback_on_the_last_reply(mine: Client) -> None:
    chat("hello", "/up", "/down too long", "/edit hi there", "/comment  no greeting ")
    assert feedback(mine) == [
        {"value": 1},
        {"value": -1, "comment": "too long"},
        {"correction": "hi there"},
        {"comment": "no greeting"},
    ]


def test_the_next_message_follows_the_reply_as_corrected(
    server: LiveServer, person: Person, mine: Client
) -> None:
    chat("hello", "/edit hi there", "and you?")
    first, second = rows(server, person, "messages")
    assert "hi there" not in first
    assert "hi there" in second


def test_another_reply_can_be_preferred_to_the_one_before(mine: Client) -> None:
    chat("hello", "/better", "/again", "/better")
    [given] = feedback(mine)
    assert list(given) == ["preferred_over"]


def test_an_editor_changes_the_reply(
    mine: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "my editor"
    editor.write_text('#!/bin/sh\necho " edited by hand" >> "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", f"'{editor}'")
    chat("hello", "/edit")
    [given] = feedback(mine)
    assert given["correction"].endswith("edited by hand")


@pytest.mark.parametrize("editor", ["", "false", "no-such-editor", "'"])
def test_without_a_working_editor_nothing_is_stored(
    mine: Client, monkeypatch: pytest.MonkeyPatch, editor: str
) -> None:
    monkeypatch.setenv("EDITOR", editor)
    assert "/edit TEXT" in chat("hello", "/edit").stderr
    assert feedback(mine) == []


def test_a_reply_that_was_not_changed_is_no_correction(
    mine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    assert "unchanged" in chat("hello", "/edit").stderr
    assert feedback(mine) == []


@pytest.mark.parametrize("command", ["/up", "/down bad", "/edit better", "/comment why", "/again"])
def test_without_a_reply_there_is_nothing_to_judge(mine: Client, command: str) -> None:
    result = chat(command)
    assert result.exit_code == 0
    assert "There is no" in result.stderr


def test_what_was_learned_is_shown(mine: Client) -> None:
    said = chat("/learned", "hello", "/edit hello to you", "/learned").stderr
    assert "You have given no feedback yet." in said
    assert "Prompts can show 1 example of yours." in said


def test_what_a_version_learned_is_said_with_its_rules() -> None:
    me = {
        "adapter": "v3",
        "learned": {"feedback": 7, "corrections": 5, "teacher": None},
        "memory": {"demonstrations": 2, "notes": 1},
        "counts": {"feedback": 8},
        "withdrawn": None,
    }
    rule = {"sentence": "Replies are in lower case.", "status": "pinned"}
    assert learned_lines(me, [rule]) == [
        "You are answered by v3.",
        "It learned from 7 items of your feedback, with 5 corrections.",
        "Prompts can show 2 examples and 1 comment of yours.",
        "- Replies are in lower case. (pinned)",
    ]


def test_an_unknown_command_is_not_sent_to_the_model(
    server: LiveServer, person: Person, mine: Client
) -> None:
    assert "/hepl is no command" in chat("/hepl me").stderr
    assert mine.me()["counts"]["interactions"] == 0


def test_a_message_may_begin_with_a_slash_after_a_space(mine: Client) -> None:
    chat(" /etc is a folder")
    assert mine.me()["counts"]["interactions"] == 1


def test_help_names_every_command(mine: Client) -> None:
    said = chat("/help").stderr
    for command in ("/up", "/down", "/edit", "/comment", "/again", "/better", "/learned", "/quit"):
        assert command in said


def test_quit_ends_the_chat(mine: Client) -> None:
    chat("/quit", "hello")
    assert mine.me()["counts"]["interactions"] == 0


def test_a_refused_message_does_not_end_the_chat(mine: Client) -> None:
    result = chat("word " * 5000, "hello")
    assert result.exit_code == 0
    assert "Error: " in result.stderr
    assert "[the base model]" in result.stderr


def test_without_a_key_the_error_says_how_to_make_one(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LORALEI_KEY")
    result = chat("hello")
    assert result.exit_code == 1
    assert "loralei users add NAME" in result.stderr


def test_a_wrong_key_ends_the_command(server: LiveServer) -> None:
    result = chat("hello", arguments=("--key", "lk-wrong"))
    assert result.exit_code == 1
    assert "key" in result.stderr


def test_without_a_server_the_error_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORALEI_DATA_DIR", str(tmp_path))
    result = chat("hello", arguments=("--key", "lk-any"))
    assert result.exit_code == 1
    assert "loralei serve" in result.stderr


def test_a_key_for_chatting_does_not_disturb_other_commands(server: LiveServer) -> None:
    assert CliRunner().invoke(app, ["users", "list"]).exit_code == 0


def test_an_editor_that_changes_nothing_keeps_every_line_break(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    text = "a\r\nb\rc\n"
    assert Terminal().edit(text) == text


def test_control_characters_of_a_reply_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Terminal().write("a\x1b]52;c;aGk=\x07b\r\x9b2Jc\td\n")
    assert capsys.readouterr().out == "a]52;c;aGk=b2Jc\td\n"


def write_long_and_slowly(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, until: threading.Event
) -> None:
    """Let no reply end by itself, and take a moment for each token."""
    engine = server.local_engine
    step = engine.step

    def slow_step() -> None:
        until.wait(0.05)
        step()

    monkeypatch.setattr(engine, "step", slow_step)
    monkeypatch.setattr(engine.renderer, "eos_token_ids", frozenset())


def test_ctrl_c_stops_the_reply_on_the_server_and_the_chat_goes_on(
    server: LiveServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()
    write_long_and_slowly(server, monkeypatch, stopped)
    command = [sys.executable, "-P", "-c", PROGRAM, "chat", "--url", server.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        assert process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        assert any(b"Stopped." in line for line in process.stderr)
        stopped.set()
        _, said = process.communicate(b"/up\n", timeout=60)
    assert process.returncode == 0, said
    assert b"no whole reply" in said
    wait_until(lambda: rows(server, person, "status") == ["aborted"])
    wait_until(lambda: not server.services.runtime.engine.is_busy)
