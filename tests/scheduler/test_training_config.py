"""The settings of a fit, for the base that is fitted."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.records import TUNED_WIDTH, TrainingConfig


@given(st.integers(1, TUNED_WIDTH))
def test_no_base_is_fitted_at_a_higher_rate(width: int) -> None:
    assert TrainingConfig().for_width(width) == TrainingConfig()


@pytest.mark.parametrize("times", [1, 2, 8])
def test_a_wider_base_is_fitted_at_a_rate_that_much_lower(times: int) -> None:
    config = TrainingConfig(learning_rate=0.002)
    assert config.for_width(times * TUNED_WIDTH) == replace(config, learning_rate=0.002 / times)
