"""How the next token is drawn."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from server.engine.detokenizer import TextStream
from server.engine.records import SamplingParams
from server.engine.sampler import sample
from server.engine.sequence import Sequence

LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0]])


def sequence(params: SamplingParams, output: tuple[int, ...] = ()) -> Sequence:
    text = TextStream(Tokenizer(models.BPE()), ())
    result = Sequence((1,), params, "", None, text, send=lambda event: None)
    result.output.extend(output)
    result.output_counts.update(output)
    return result


def draws(params: SamplingParams, count: int) -> Counter[int]:
    one = sequence(params)
    return Counter(sample(LOGITS, [one])[0] for _ in range(count))


def test_zero_temperature_takes_the_likeliest_token() -> None:
    assert sample(LOGITS, [sequence(SamplingParams(temperature=0))]) == [0]


def test_draws_follow_the_softmax() -> None:
    counts = draws(SamplingParams(seed=1), 4000)
    for token, probability in enumerate(torch.softmax(LOGITS[0], 0).tolist()):
        assert counts[token] / 4000 == pytest.approx(probability, abs=0.03)


def test_top_k_limits_the_choice() -> None:
    assert set(draws(SamplingParams(top_k=2, seed=1), 300)) == {0, 1}


def test_top_p_keeps_the_smallest_set_that_holds_the_mass() -> None:
    # Probabilities are about 0.64, 0.24, 0.09, 0.03.
    assert set(draws(SamplingParams(top_p=0.6, seed=1), 300)) == {0}
    assert set(draws(SamplingParams(top_p=0.7, seed=1), 300)) == {0, 1}


def test_a_tiny_temperature_is_nearly_greedy() -> None:
    assert set(draws(SamplingParams(temperature=1e-4, seed=1), 100)) == {0}


def test_the_same_seed_draws_the_same_tokens_whoever_shares_the_batch() -> None:
    params = SamplingParams(seed=7, temperature=2)
    alone = [sample(LOGITS, [one])[0] for one in [sequence(params)] for _ in range(20)]
    mine, other = sequence(params), sequence(SamplingParams(seed=8))
    pair = LOGITS.repeat(2, 1)
    together = [sample(pair, [other, mine])[1] for _ in range(20)]
    assert alone == together


def test_a_presence_penalty_counts_once_and_a_frequency_penalty_each_time() -> None:
    once = SamplingParams(temperature=0, presence_penalty=0.6)
    assert sample(LOGITS, [sequence(once, (0, 0))]) == [0]
    each = SamplingParams(temperature=0, frequency_penalty=0.6)
    assert sample(LOGITS, [sequence(each, (0, 0))]) == [1]


def test_a_bias_moves_the_choice() -> None:
    assert sample(LOGITS, [sequence(SamplingParams(temperature=0, logit_bias={3: 100}))]) == [3]
    banned = SamplingParams(logit_bias={0: -100, 1: -100}, seed=1)
    assert set(draws(banned, 300)) == {2, 3}


@given(
    values=st.lists(st.floats(-50, 50), min_size=2, max_size=30),
    temperature=st.floats(0, 2),
    top_p=st.floats(0, 1),
    top_k=st.integers(0, 100),
    seed=st.integers(),
)
def test_any_settings_draw_a_token_of_the_vocabulary(
    values: list[float], temperature: float, top_p: float, top_k: int, seed: int
) -> None:
    params = SamplingParams(temperature=temperature, top_p=top_p, top_k=top_k, seed=seed)
    [token] = sample(torch.tensor([values]), [sequence(params)])
    assert 0 <= token < len(values)
