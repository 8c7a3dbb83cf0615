"""A server in a process of its own, told to stop."""

import signal
from pathlib import Path

import httpx

from server.data_folder import find_server
from tests.server.live import chat_body, running
from tests.server.own_process import serving


def test_a_stopped_server_finishes_its_replies_and_exits_cleanly(
    tiny_model: Path, tmp_path: Path
) -> None:
    with serving(tiny_model, tmp_path / "data") as (process, server):
        headers = {"Authorization": f"Bearer {server.token}"}
        body = chat_body(stream=True, max_tokens=200, ignore_eos=True)
        with httpx.stream(
            "POST", f"{server.url}/v1/chat/completions", json=body, headers=headers, timeout=30
        ) as response:
            lines = response.iter_lines()
            next(lines)
            process.send_signal(signal.SIGTERM)
            assert list(lines)[-2:] == ["data: [DONE]", ""]
        assert process.wait(timeout=20) == 0
    assert find_server(tmp_path / "data") is None


def test_after_a_kill_the_data_folder_can_be_used_at_once(tiny_model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(tiny_model, data, has_model=False) as (process, _):
        process.kill()
        process.wait(timeout=20)
        assert find_server(data) is None
    with running(tiny_model, data, threads=1) as server, server.client() as nobody:
        assert nobody.get("/ready").is_success
