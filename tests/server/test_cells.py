from collections import Counter

import pytest
from pydantic import ValidationError

from server.cells import (
    Cells,
    map_line,
    murmur_hash2,
    owner_of_key,
    owner_of_named,
    owner_of_public_id,
)
from server.settings import Settings

KEY = f"lk-0123456789abcdef-{'x' * 43}"


# `make test-cells` compares the hash with that of a real nginx.
@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", 0),
        (b"lk-0123456789abcdef", 0x9269C427),
        (b"webui/ann", 0x710F112F),
    ],
)
def test_the_hash_is_murmur_hash_2(data: bytes, value: int) -> None:
    assert murmur_hash2(data) == value


def test_every_cell_gets_its_share() -> None:
    cells = Cells("a", {"a": 20, "b": 0.5, "c": 79.5})
    homes = Counter(cells.home_of(f"lk-{number:016x}") for number in range(20_000))
    assert 3_800 < homes["a"] < 4_200
    assert 60 < homes["b"] < 140


def test_halving_a_cells_share_moves_none_of_the_other_users() -> None:
    before = Cells("a", {"a": 50, "b": 50})
    after = Cells("a", {"a": 50, "b": 25, "c": 25})
    moves = {
        (before.home_of(owner), after.home_of(owner))
        for owner in (f"lk-{number:016x}" for number in range(1_000))
    }
    assert moves == {("a", "a"), ("b", "b"), ("b", "c")}


def test_a_server_that_is_alone_is_everybodys_home() -> None:
    assert Cells().is_home("lk-0123456789abcdef")


def test_an_owner_is_what_the_proxy_reads_of_a_key() -> None:
    assert owner_of_key(KEY) == owner_of_public_id("0123456789abcdef") == "lk-0123456789abcdef"
    assert owner_of_key("an operator's own key") is None


def test_a_line_of_the_map_has_the_bytes_that_the_header_had() -> None:
    assert map_line(owner_of_named("webui", 'c"\\$x'), "b") == '"webui/c\\"\\\\$x" b;'
    named = "Zoé".encode().decode("latin-1")
    assert map_line(owner_of_named("büro", named), "b") == '"büro/Zoé" b;'


@pytest.mark.parametrize(
    ("cell", "cells"),
    [
        ("a", {}),
        ("c", {"a": 50, "b": 50}),
        ("", {"a": 100}),
        ("a", {"a": 50, "b": 49}),
        ("a", {"a": 100, "b": 0}),
        ("a", {"a": 33.333, "b": 66.667}),
        ("A b", {"A b": 100}),
    ],
)
def test_cells_that_cannot_be_are_refused(cell: str, cells: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Settings(cell=cell, cells=cells)


def test_cells_can_be_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORALEI_CELL", "b")
    monkeypatch.setenv("LORALEI_CELLS", '{"a": 33.3, "b": 66.7}')
    assert list(Settings().cells) == ["a", "b"]
