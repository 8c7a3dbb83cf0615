"""Users chat through nginx while they are moved between two cells: `make test-cells`.

A file that pytest does not find by itself, because it needs nginx.
"""

import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from typer.testing import CliRunner

from server.accounts.accounts import UnknownAccountError
from server.cells import Cells
from server.cli.app import app
from server.user_data.moving.proxy_map import all_lines
from tests.server.live import LiveServer
from tests.server.moving.conftest import SHARES
from tests.server.moving.nginx import CellProxy, leading
from tests.server.moving.talkers import Talker, headers_of, problems

MOVES = int(os.environ.get("MOVES", "24"))
PEOPLE = 4
NAMES = ("ann", "Zoé", 'c"\\$x', "user@example.org")
OWNERS = 100


@pytest.fixture(scope="module")
def frontend(cells: tuple[LiveServer, LiveServer]) -> tuple[str, str]:
    """The name and the key of a frontend that both cells know."""
    a, b = cells
    made = {"name": "webui", "kind": "frontend", "trust_headers": True}
    with a.admin() as admin, b.admin() as other:
        key = admin.post("/v1/admin/users", json=made).json()["key"]
        archive = admin.get("/v1/admin/users/webui/move/archive").content
        other.post("/v1/admin/moves", content=archive).raise_for_status()
    return "webui", key


@pytest.fixture(scope="module")
def proxy(
    cells: tuple[LiveServer, LiveServer],
    frontend: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[CellProxy]:
    name, key = frontend
    urls = [cell.url for cell in cells]
    with leading(urls, [f'"{key[:19]}" {name};'], tmp_path_factory.mktemp("nginx")) as proxy:
        yield proxy


def client(proxy: CellProxy, key: str, name: str | None = None) -> httpx.Client:
    headers = headers_of(key, name)
    return httpx.Client(base_url=proxy.url, verify=proxy.tls, headers=headers, timeout=60)


def test_a_new_users_key_leads_to_the_cell_that_made_it(
    cells: tuple[LiveServer, LiveServer], proxy: CellProxy
) -> None:
    for cell in cells:
        for _ in range(8):
            person = cell.new_person()
            with client(proxy, person.key) as chats:
                assert chats.get("/v1/me").json()["user"]["id"] == person.id


def test_admin_routes_and_metrics_are_not_behind_the_proxy(
    cells: tuple[LiveServer, LiveServer], proxy: CellProxy
) -> None:
    with client(proxy, cells[0].admin_key) as admin:
        for path in ("/v1/admin/users", "/admin", "/metrics"):
            assert admin.get(path).status_code == 404
        assert admin.get("/").status_code == 200


def test_nginx_and_the_server_compute_the_same_cell(
    cells: tuple[LiveServer, LiveServer], proxy: CellProxy, frontend: tuple[str, str]
) -> None:
    rng, own = random.Random(1), Cells("a", SHARES)
    for _ in range(OWNERS):
        name = rng.randbytes(rng.randrange(1, 12)).hex()
        with client(proxy, frontend[1], name) as chats:
            body = {"target": "chatcmpl-none", "value": "up"}
            chats.post("/v1/feedback", json=body).raise_for_status()
        home = own.home_of(f"webui/{name}")
        found = [cell.services.cells.here for cell in cells if knows(cell, f"webui:{name}")]
        assert found == [home]


def knows(cell: LiveServer, name: str) -> bool:
    try:
        cell.services.accounts.find(name)
    except UnknownAccountError:
        return False
    return True


def test_nothing_is_lost_or_doubled_of_users_who_are_moved_while_they_chat(
    cells: tuple[LiveServer, LiveServer],
    proxy: CellProxy,
    frontend: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = [cell.new_person() for cell in cells for _ in range(PEOPLE // 2)]
    talkers = [Talker(each.id, each.key) for each in people]
    for name in NAMES:
        with client(proxy, frontend[1], name) as chats:
            chats.post("/v1/feedback", json={"target": "chatcmpl-none", "value": "up"})
            user = chats.get("/v1/me").raise_for_status().json()["user"]["id"]
        talkers.append(Talker(user, frontend[1], name))
    is_over, rng = threading.Event(), random.Random(2)
    with ThreadPoolExecutor(len(talkers)) as pool:
        talking = [pool.submit(each.talk, proxy, is_over) for each in talkers]
        try:
            for _ in range(MOVES):
                carry(rng.choice(talkers), cells, proxy, monkeypatch)
        finally:
            is_over.set()
        for each in talking:
            each.result()
    wrong = [problem for each in talkers for problem in problems(each, cells)]
    assert wrong == []
    turns = sum(len(each.turns) for each in talkers)
    given = sum(len(each.corrections) for each in talkers)
    refusals = sorted(seconds for each in talkers for seconds in each.refusals)
    assert refusals, "nobody was moved while they chatted"
    print(
        f"\n{MOVES} moves, {turns} turns and {given} corrections acknowledged, 0 lost, 0 doubled;"
        f" {len(refusals)} requests had to wait, half of them {refusals[len(refusals) // 2]:.1f} s"
        f" at most, the longest {refusals[-1]:.1f} s"
    )


def carry(
    talker: Talker,
    cells: tuple[LiveServer, LiveServer],
    proxy: CellProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Move a user to the other cell with the command, and let the proxy know."""
    a, b = cells
    is_here = a.services.accounts.exists(talker.user_id) and not a.services.moves.of(talker.user_id)
    here, there = (a, b) if is_here else (b, a)
    monkeypatch.setenv("LORALEI_DATA_DIR", str(here.services.settings.data_dir))
    command = ["users", "move", talker.user_id, "--to", there.url, "--key", there.admin_key]
    moved = CliRunner().invoke(app, command)
    assert moved.exit_code == 0, moved.output
    proxy.lead([line for cell in cells for line in all_lines(cell.services)])
