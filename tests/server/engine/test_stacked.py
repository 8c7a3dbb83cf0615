"""Replies of a user's version over the organisation's, on each of the runners."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters_store.files import AdapterFiles
from adapters_store.records import Precision, StackedAdapter
from server.engine.engine import EngineConfig, LocalEngine
from server.engine.records import SamplingParams
from tests.adapters import publish_random_adapter
from tests.server.engine.running import replies, running_engine

GREEDY = SamplingParams(temperature=0, max_tokens=12)


@pytest.fixture(scope="module", params=["compiled", "fused", "general"])
def wide(
    request: pytest.FixtureRequest, tiny_model_folder: Path, files: AdapterFiles
) -> Iterator[LocalEngine]:
    """An engine in which two versions may answer together."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "general":
            patch.setattr("server.engine.engine.family_of", lambda config: None)
        config = EngineConfig(max_batch_size=4, prefix_block=4, max_stacked=2)
        precision: Precision | None = "float32" if request.param == "compiled" else None
        with running_engine(tiny_model_folder, files, config, precision) as engine:
            yield engine


def test_each_alone_and_both_together_answer_in_one_batch(
    wide: LocalEngine, files: AdapterFiles
) -> None:
    own, shared = (publish_random_adapter(files, wide.shapes, seed) for seed in (11, 12))
    both = StackedAdapter(own, shared)
    asked = [("who", GREEDY, each) for each in (None, own, shared, both)]
    found = replies(wide, asked)
    assert len(set(found)) == 4
    assert found == [replies(wide, [each])[0] for each in asked]


def test_the_order_of_the_two_changes_nothing(wide: LocalEngine, files: AdapterFiles) -> None:
    own, shared = (publish_random_adapter(files, wide.shapes, seed) for seed in (13, 14))
    one, other = StackedAdapter(own, shared), StackedAdapter(shared, own)
    first, second = replies(wide, [("why", GREEDY, one), ("why", GREEDY, other)])
    assert first == second


def test_no_copy_of_two_versions_is_kept_on_disk(wide: LocalEngine, files: AdapterFiles) -> None:
    own, shared = (publish_random_adapter(files, wide.shapes, seed) for seed in (15, 16))
    replies(wide, [("who", GREEDY, StackedAdapter(own, shared))])
    for version in (own, shared):
        assert not list(files.open(version).glob(".packed-*"))
