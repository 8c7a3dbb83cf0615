import json
import math

import pytest

from server.engine.records import TokenLogprob
from server.wire.responses import UNLIKELY, logprob_json


@pytest.mark.parametrize("value", [-math.inf, math.nan, math.inf])
def test_a_logprob_that_is_no_number_is_sent_as_unlikely(value: float) -> None:
    sent = logprob_json(TokenLogprob(1, value, ((2, value),)), lambda token: b"a")
    assert (sent["logprob"], sent["top_logprobs"][0]["logprob"]) == (UNLIKELY, UNLIKELY)
    json.dumps(sent, allow_nan=False)
