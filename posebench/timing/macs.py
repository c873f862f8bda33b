"""Multiply-accumulates of one pass, counted exactly, attention included: torch's own counter, with its gaps closed.

Counted: matrix products, convolutions, and both products of attention, on
every path that torch may take for it. Not counted: norms, activations,
softmax, sums, and Fourier and cosine transforms that are not matrix products.
"""

from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from posebench.errors import UsageError
from posebench.prediction.create import LoadedLifter
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.predict_sequence import lift
from posebench.skeletons import Skeleton

aten = torch.ops.aten


def count_macs(lifter: LoadedLifter, skeleton: Skeleton, inputs: LifterInputs, flip: bool) -> int:
    """MACs of `lift` on a batch, as run: all hypotheses, steps and mirror images; works on the `meta` device too.

    Raises `UsageError` for a lifter that uses a fused layer of which no count is known.
    """
    counter = FlopCounterMode(display=False, custom_mapping=_completed())
    with torch.inference_mode(), counter:
        lift(lifter, skeleton, inputs, flip)
    # The counter's unit is the flop, two to a multiply-accumulate.
    return int(counter.get_total_flops()) // 2


def _completed() -> dict[Any, Any]:
    """Formulas for what torch's registry leaves out: products with vectors, older torch's attention on a CPU, fused layers."""
    formulas = {
        aten.mv: _matrix_vector,
        aten.addmv: lambda _bias, matrix, vector, **_: _matrix_vector(matrix, vector),
        aten.dot: _dot,
        aten.vdot: _dot,
        aten.addbmm: lambda _bias, a, b, **_: 2 * a[0] * a[1] * a[2] * b[2],
        aten._scaled_dot_product_flash_attention_for_cpu: _attention,
        aten._native_multi_head_attention: _refuse,
        aten._transformer_encoder_layer_fwd: _refuse,
        aten.mkldnn_rnn_layer: _refuse,
        aten._cudnn_rnn: _refuse,
        aten._trilinear: _refuse,
    }
    return {operation: formula for operation, formula in formulas.items() if operation not in flop_registry}


def _attention(query: torch.Size, key: torch.Size, value: torch.Size, *_: Any, **__: Any) -> int:
    batch, heads, queries, width = query
    return 2 * batch * heads * queries * key[2] * (width + value[3])


def _matrix_vector(matrix: torch.Size, vector: torch.Size, **_: Any) -> int:
    return 2 * matrix[0] * matrix[1]


def _dot(one: torch.Size, other: torch.Size, **_: Any) -> int:
    return 2 * one[0]


def _refuse(*_: Any, **__: Any) -> int:
    raise UsageError(
        "This lifter runs a fused layer of torch whose multiply-accumulates are not known, so no exact count can be given; "
        "write it with scaled_dot_product_attention and linear layers."
    )
