import json
from pathlib import Path

from tests.server.live import LiveServer, Person, running
from tests.tiny_model import build_tiny_model


def test_a_model_says_how_its_replies_are_sampled_by_default(
    live: LiveServer, person: Person
) -> None:
    with live.client(person.key) as client:
        [model] = client.get("/v1/models").json()["data"]
        assert model == client.get("/v1/models/tiny").json()
    assert model["sampling"] == {"temperature": 0, "top_p": 1.0, "top_k": 0}


def test_defaults_come_from_the_settings_and_then_from_the_model(tmp_path: Path) -> None:
    folder = build_tiny_model(tmp_path / "tiny")
    config = folder / "generation_config.json"
    own = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 1}
    config.write_text(json.dumps(json.loads(config.read_text()) | own))
    options = {"threads": 1, "sampling": {"temperature": 1.5}}
    with running(folder, tmp_path / "data", **options) as server:
        with server.admin() as client:
            [model] = client.get("/v1/models").json()["data"]
        assert model["sampling"] == {"temperature": 1.5, "top_p": 0.95, "top_k": 1}
        # Of one token to draw from, none is random.
        sampled = server.chat(server.admin_key, temperature=None)
        greedy = server.chat(server.admin_key, temperature=0)
    assert sampled["choices"] == greedy["choices"]
