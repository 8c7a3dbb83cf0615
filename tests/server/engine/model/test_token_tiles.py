"""How the tokens of a step are cut into tiles of one adapter each."""

import torch

from server.engine.model.runner import Chunk
from server.engine.model.token_tiles import NO_SLOT, TILE, tiles_of


def chunk(row: int, tokens: int) -> Chunk:
    return Chunk(row, 0, [1] * tokens, is_last=True)


def test_decoding_rows_have_a_tile_each() -> None:
    tiles = tiles_of(3, [], [2, NO_SLOT, 2], torch.device("cpu"))
    assert tiles.bounds.tolist() == [0, 1, 2, 3]
    assert tiles.slots.tolist() == [2, NO_SLOT, 2]
    assert tiles.width == 1


def test_chunks_are_cut_into_tiles_that_no_two_rows_share() -> None:
    chunks = [chunk(1, 2 * TILE), chunk(2, 1), chunk(3, TILE + 3)]
    tiles = tiles_of(1, chunks, [4, 5, NO_SLOT, 6], torch.device("cpu"))
    ends = [1, 1 + TILE, 1 + 2 * TILE, 2 + 2 * TILE, 2 + 3 * TILE, 5 + 3 * TILE]
    assert tiles.bounds.tolist() == [0, *ends]
    assert tiles.slots.tolist() == [4, 5, 5, NO_SLOT, 6, 6]
    assert tiles.width == TILE


def test_a_step_without_tokens_has_no_tiles() -> None:
    tiles = tiles_of(0, [], [], torch.device("cpu"))
    assert tiles.bounds.tolist() == [0]
    assert tiles.slots.tolist() == []
