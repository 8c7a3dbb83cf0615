"""The cost of training, from device time and a price per hour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.cost import with_cost


def test_an_hour_costs_the_price_of_an_hour() -> None:
    assert with_cost({"device_seconds": 3600.0, "device": "cuda"}, 2.5) == {
        "device_seconds": 3600.0,
        "device": "cuda",
        "cost": 2.5,
    }


def test_without_a_price_there_is_no_cost() -> None:
    assert with_cost({"device_seconds": 3600.0}, 0.0) == {"device_seconds": 3600.0}


@pytest.mark.parametrize("usage", [{}, {"device_seconds": None}])
def test_unmeasured_device_time_has_no_cost(usage: dict[str, None]) -> None:
    assert with_cost(usage, 2.5) == usage


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0.01, 100))
def test_the_costs_of_two_runs_add_up(one: float, other: float, price: float) -> None:
    costs = [with_cost({"device_seconds": s}, price)["cost"] for s in (one, other, one + other)]
    assert costs[0] + costs[1] == pytest.approx(costs[2], abs=1e-5)
