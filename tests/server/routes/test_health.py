from pathlib import Path

from server.services import Services
from server.settings import Settings
from tests.server.live import LiveServer, Person, running


def test_a_running_server_is_healthy_and_ready(live: LiveServer) -> None:
    with live.client() as nobody:
        assert nobody.get("/health").json() == {"status": "ok"}
        assert nobody.get("/ready").json() == {"status": "ready", "model": "tiny"}


def test_metrics_count_requests_and_name_nobody(live: LiveServer, person: Person) -> None:
    live.chat(person.key)
    with live.admin() as admin:
        admin.get(f"/v1/admin/users/{person.name}")
    with live.client() as nobody:
        text = nobody.get("/metrics").text
    assert 'route="/v1/chat/completions",status="200"' in text
    assert 'loralei_replies_total{kind="chat",status="complete"}' in text
    assert "loralei_time_to_first_token_seconds_count" in text
    assert "loralei_ready 1.0" in text
    assert person.name not in text and person.id not in text


def test_no_client_can_make_a_label(live: LiveServer) -> None:
    with live.client() as nobody:
        for number in range(3):
            name = f"MADEUP{number}"
            for path in ("/health", f"/{name}", f"/v1/models/{name}", f"/{name}?{name}={name}"):
                nobody.request(name, path)
                nobody.get(path, headers={name: name})
        text = nobody.get("/metrics").text
    assert "MADEUP" not in text
    assert 'loralei_requests_total{method="other",route="/health",status="405"}' in text
    assert 'loralei_requests_total{method="other",route="unmatched",status="404"}' in text


def test_every_response_has_an_id_of_its_own(live: LiveServer) -> None:
    with live.client() as nobody:
        ids = [nobody.get("/health").headers["x-request-id"] for _ in range(2)]
    assert ids[0] != ids[1]


def test_a_draining_server_is_healthy_and_not_ready(tiny_model: Path, tmp_path: Path) -> None:
    with running(tiny_model, tmp_path / "data") as server, server.client() as nobody:
        server.services.begin_drain()
        assert nobody.get("/health").status_code == 200
        response = nobody.get("/ready")
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert response.json()["error"]["code"] == "server_is_not_ready"


def test_a_model_that_cannot_be_loaded_is_named_at_ready(tmp_path: Path) -> None:
    settings = Settings(model=str(tmp_path / "nothing"), data_dir=tmp_path / "data")
    services = Services(settings)
    try:
        services.start()
        assert not services.wait_until_loaded(60)
        assert services.failure is not None and "nothing" in services.failure
    finally:
        services.stop()


def test_a_second_start_on_the_same_data_keeps_the_key_and_shows_none(
    tiny_model: Path, tmp_path: Path
) -> None:
    with running(tiny_model, tmp_path / "data") as first:
        key = first.services.new_admin_key
        assert key is not None
    with running(tiny_model, tmp_path / "data") as second:
        assert second.services.new_admin_key is None
        with second.client(key) as admin:
            assert admin.get("/v1/admin/users").status_code == 200


def test_the_command_lines_token_acts_as_admin(live: LiveServer) -> None:
    with live.client(live.services.cli_token) as admin:
        assert admin.get("/v1/me").json()["is_admin"] is True


def test_the_pages_are_a_fixed_list_of_files(live: LiveServer) -> None:
    with live.client() as nobody:
        page = nobody.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        for path in ("/web/..%2fapp.py", "/web/%2e%2e/app.py", "/web/nothing.js"):
            assert nobody.get(path).status_code == 404
