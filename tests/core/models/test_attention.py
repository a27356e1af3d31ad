"""Attention in bf16 on a CPU: in each of its forms about as exact as torch's fused kernel."""

import pytest
import torch
import torch.nn.functional as F

from higen_core.models.layers import attend


@pytest.mark.parametrize("keys", [8, 16, 17, 63, 64, 512, 513])
def test_attention_in_bf16_is_about_as_exact_as_the_fused_kernel(keys):
    q, k, v = (torch.randn(2, 2, n, 64, generator=torch.Generator().manual_seed(n)) for n in (24, keys, keys + 1))
    v = v[:, :, :keys]
    exact = F.scaled_dot_product_attention(q, k, v)
    rounded = [x.bfloat16() for x in (q, k, v)]
    error = (attend(*rounded).float() - exact).square().mean()
    fused = (F.scaled_dot_product_attention(*rounded).float() - exact).square().mean()
    assert 0 < error <= 1.5**2 * fused


def test_attention_in_fp32_is_the_fused_kernel_to_the_bit():
    q, k, v = torch.randn(3, 1, 2, 16, 8)
    assert torch.equal(attend(q, k, v), F.scaled_dot_product_attention(q, k, v))
