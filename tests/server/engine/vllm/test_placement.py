from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from server.engine.vllm.placement import ranked

servers = st.lists(st.text(min_size=1), min_size=1, max_size=8, unique=True)


@given(st.text(), servers)
def test_every_server_is_a_choice(adapter: str, urls: list[str]) -> None:
    assert sorted(ranked(adapter, urls)) == sorted(urls)


@given(st.text(), servers, st.randoms())
def test_the_order_of_the_settings_does_not_matter(
    adapter: str, urls: list[str], random: object
) -> None:
    shuffled = sorted(urls, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert ranked(adapter, shuffled) == ranked(adapter, urls)


@given(st.text(), servers, st.data())
def test_without_a_server_the_others_keep_their_order(
    adapter: str, urls: list[str], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(urls))
    rest = [url for url in urls if url != gone]
    assert ranked(adapter, rest) == [url for url in ranked(adapter, urls) if url != gone]


def test_adapters_spread_over_the_servers() -> None:
    urls = [f"http://{i}" for i in range(4)]
    firsts = [ranked(f"u_{i}", urls)[0] for i in range(4000)]
    assert all(850 < firsts.count(url) < 1150 for url in urls)


def first_of(adapter: str, urls: Sequence[str]) -> str:
    return ranked(adapter, urls)[0]


def test_only_the_adapters_of_a_dead_server_move() -> None:
    urls = [f"http://{i}" for i in range(4)]
    names = [f"u_{i}" for i in range(400)]
    kept = [name for name in names if first_of(name, urls) != urls[0]]
    assert [first_of(name, urls[1:]) for name in kept] == [first_of(name, urls) for name in kept]
