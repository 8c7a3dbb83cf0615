"""Which kernels a device gets. This runs where Triton cannot work: without a GPU."""

import pytest
import torch

from server.engine.model.gpu.choice import kernels_for
from server.engine.model.torch_kernels import TorchKernels


@pytest.mark.skipif(torch.cuda.is_available(), reason="Triton works on this machine")
def test_where_triton_does_not_work_pytorch_runs_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kernels = kernels_for(torch.device("cuda"), torch.bfloat16)
    assert isinstance(kernels, TorchKernels)
    assert "needs a C compiler" in caplog.text


def test_a_cpu_gets_pytorch_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(kernels_for(torch.device("cpu"), torch.float32), TorchKernels)
    assert caplog.text == ""
