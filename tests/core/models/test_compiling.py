"""Compiled layers give the same output, whole and in chunks. The backend runs what was traced, without a compiler."""

import pytest
import torch
import torch._dynamo

from higen_core import compile_layers, load_unet

from .. import golden


@torch.no_grad()
@pytest.mark.slow
@torch._dynamo.config.patch(fail_on_recompile_limit_hit=True)  # torch would run further layers without compiling them
def test_compiled_layers_give_the_same_output():
    unet = load_unet(golden.path("unet_small_weights"))
    inputs = golden.cases("unet_small_cases", "temporal.")
    inputs.pop("out")
    x, t = inputs.pop("x"), inputs.pop("t")
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    expected = unet(x, t, **inputs)
    names = list(unet.state_dict())
    compile_layers(unet, backend=backend)
    assert list(unet.state_dict()) == names
    assert golden.max_error(unet(x, t, **inputs), expected) <= 1e-6
    layers = len(graphs)
    assert layers > 10
    assert golden.max_error(unet(x, t, **inputs, chunk=2), expected) <= 1e-5
    assert len(graphs) < 3 * layers
