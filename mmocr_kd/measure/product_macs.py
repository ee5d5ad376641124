"""How many multiply-accumulate operations a network needs, seen where PyTorch computes them."""
from __future__ import annotations

import math
import warnings
from collections import Counter
from typing import Any, Callable, Sequence

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


def product_macs(run: Callable[[], Any]) -> int:
    """Operations of all products: convolutions and matrix products, wherever they are computed.

    Counted is what reaches PyTorch's dispatcher, so fused layers count like what they fuse:
    recurrent layers, attention and whole encoder layers in one operator, deformable convolutions.
    Each of the products of a dense computation is one operation; masked attention and padding
    count in full, as they are computed. Biases, normalisations, activations, interpolation and
    other arithmetic of single values do not count.

    Args:
        run: Runs the model once.

    Returns:
        Multiply-accumulate operations.

    Warns:
        RuntimeWarning: If an operator ran of which is not known whether it multiplies, with its
            name: the result lacks whatever it does.
    """
    with _Products() as products:
        run()
    if products.unknown:
        warnings.warn(
            f'product_macs does not know the operators {sorted(products.unknown)} and counted '
            'nothing for them: give each a formula in FORMULAS of mmocr_kd.measure.product_macs, '
            'or a place in WITHOUT_PRODUCTS if it multiplies no matrices', RuntimeWarning,
            stacklevel=2)
    return products.macs


class _Products(TorchDispatchMode):
    """Adds up what operators multiply; takes apart those that are made of others."""

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0
        self.unknown: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        name = operator_name(func)
        if name not in FORMULAS and not without_products(func):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
            self.unknown[name] += 1
        result = func(*args, **kwargs)
        if name in FORMULAS:
            self.macs += FORMULAS[name](result, *args, **kwargs)
        return result


def operator_name(func: Any) -> str:
    """Name of an operator, whatever its overload and whether it works in place.

    Args:
        func: Such as ``torch.ops.aten.addmm_.default``.

    Returns:
        Such as 'addmm'; other libraries' have their namespace, as 'torchvision::nms'.
    """
    name = func._schema.name.removeprefix('aten::')
    return name.removesuffix('_') if not name.endswith('__') else name


def without_products(func: Any) -> bool:
    """Whether an operator is known to multiply no matrices: it works value by value or on views.

    Args:
        func: The operator, with its overload.
    """
    name = operator_name(func)
    return (torch.Tag.pointwise in func.tags or func.is_view or name in WITHOUT_PRODUCTS
            or name.removesuffix('_backward') in WITHOUT_PRODUCTS)


def _matrices(output: Tensor, left: Tensor, right: Tensor, **_: Any) -> int:
    """Products of (..., M, K) with (..., K, N), or with vectors (K)."""
    return left.numel() * (right.shape[-1] if right.dim() > 1 else 1)


def _added_matrices(output: Tensor, added: Tensor, *matrices: Any, **_: Any) -> int:
    return _matrices(output, *matrices[:2])


def _convolution(output: Tensor, given: Tensor, weight: Tensor, bias: Any, stride: Any,
                 padding: Any, dilation: Any, transposed: bool, *_: Any, **__: Any) -> int:
    # Of a transposed convolution, each value that goes in is multiplied by the whole kernel.
    return (given if transposed else output).numel() * _kernel(weight)


def _convolution_backward(output: Any, gradient: Tensor, given: Tensor, weight: Tensor,
                          bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool,
                          output_padding: Any, groups: int, wanted: Sequence[bool]) -> int:
    """As many as forward, for the gradient of the input and again for that of the weights."""
    return (given if transposed else gradient).numel() * _kernel(weight) * sum(wanted[:2])


def _deformable_convolution(output: Tensor, given: Tensor, weight: Tensor, *_: Any) -> int:
    """Like a plain one: neither finding the values between pixels nor the mask counts."""
    return output.numel() * _kernel(weight)


def _kernel(weight: Tensor) -> int:
    return math.prod(weight.shape[1:])


def _layer_of_recurrence(output: Any, given: Tensor, *weights: Any, **_: Any) -> int:
    """One direction of one layer; weights of the input and of the state come first."""
    return _vectors(given) * (weights[0].numel() + weights[1].numel())


def _all_layers_of_recurrence(output: Any, given: Tensor, weights: Sequence[Tensor],
                              *_: Any, **__: Any) -> int:
    """All layers, in both directions: each matrix meets each vector once, projections as well."""
    return _vectors(given) * sum(weight.numel() for weight in weights if weight.dim() > 1)


def _attention(output: Any, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    """Queries times keys, weights times values; heads share the widths among them."""
    return query.shape[:-1].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def _multi_head_attention(output: Any, query: Tensor, key: Tensor, value: Tensor, width: int,
                          heads: int, qkv_weight: Tensor, qkv_bias: Any, out_weight: Tensor,
                          *_: Any, **__: Any) -> int:
    """Four projections of width to width, and the attention itself."""
    projected = sum(map(_vectors, (query, query, key, value))) * width * width
    return projected + 2 * width * sum(
        queries * keys for queries, keys in zip(_lengths(query), _lengths(key)))


def _encoder_layer(output: Any, given: Tensor, width: int, heads: int, qkv_weight: Tensor,
                   qkv_bias: Any, out_weight: Tensor, out_bias: Any, gelu: bool, norm_first: bool,
                   eps: float, *norms_and_feed_forward: Any, **_: Any) -> int:
    up, _bias, down = norms_and_feed_forward[4:7]
    attention = _multi_head_attention(output, given, given, given, width, heads, qkv_weight,
                                      qkv_bias, out_weight)
    return attention + _vectors(given) * (up.numel() + down.numel())


def _vectors(batch: Tensor) -> int:
    """How many there are in a batch of sequences; of a nested one only what it really holds."""
    return sum(_lengths(batch)) if batch.is_nested else batch.shape[:-1].numel()


def _lengths(batch: Tensor) -> list[int]:
    """Of the sequences in a batch (N, L, C) or in a nested one."""
    return [len(sequence) for sequence in batch.unbind()]


# Name of an operator -> operations, from its result and its arguments.
FORMULAS: dict[str, Callable[..., int]] = {
    **dict.fromkeys(('mm', 'bmm', 'mv', 'dot', 'vdot', '_int_mm'), _matrices),
    **dict.fromkeys(('addmm', 'baddbmm', 'addbmm', 'addmv', '_addmm_activation'), _added_matrices),
    **dict.fromkeys(('convolution', '_convolution', 'convolution_overrideable'), _convolution),
    'convolution_backward': _convolution_backward,
    'torchvision::deform_conv2d': _deformable_convolution,
    'mkldnn_rnn_layer': _layer_of_recurrence,
    **dict.fromkeys(('_cudnn_rnn', 'miopen_rnn'), _all_layers_of_recurrence),
    **dict.fromkeys(('_scaled_dot_product_flash_attention',
                     '_scaled_dot_product_flash_attention_for_cpu',
                     '_scaled_dot_product_efficient_attention',
                     '_scaled_dot_product_cudnn_attention',
                     '_scaled_dot_product_fused_attention_overrideable'), _attention),
    '_native_multi_head_attention': _multi_head_attention,
    '_transformer_encoder_layer_fwd': _encoder_layer,
}

# Besides what works value by value and on views: nothing of these is a convolution or a product
# of matrices. Their backward passes belong to them.
WITHOUT_PRODUCTS = frozenset("""
    _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d all amax amin
    aminmax any arange argmax argmin argsort avg_pool1d avg_pool2d avg_pool3d batch_norm
    _batch_norm_no_update _batch_norm_with_update bernoulli binary_cross_entropy
    binary_cross_entropy_with_logits bincount bucketize cat clone col2im constant_pad_nd copy
    count_nonzero _ctc_loss cudnn_batch_norm _cudnn_ctc_loss cudnn_grid_sampler
    _cudnn_init_dropout_state _cudnn_rnn_flatten_weight cummax cummin cumprod cumsum diag_embed
    diagonal_scatter embedding embedding_dense_backward empty empty_like empty_permuted
    empty_strided equal exponential eye fill flip full full_like _fused_rms_norm gather glu
    grid_sampler_2d grid_sampler_3d hardsigmoid hardswish histc huber_loss im2col index index_add
    index_copy index_fill index_put index_reduce index_select is_pinned is_same_size kthvalue
    lift_fresh linalg_vector_norm linspace _local_scalar_dense log_sigmoid_forward _log_softmax
    _log_softmax_backward_data logcumsumexp logspace logsumexp masked_fill masked_scatter
    masked_select max max_pool2d max_pool2d_with_indices max_pool3d_with_indices mean median min
    miopen_batch_norm mode mse_loss multinomial native_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training native_dropout native_group_norm native_layer_norm
    _nested_tensor_from_mask _nested_tensor_from_mask_left_aligned _nested_view_from_buffer
    new_empty new_empty_strided new_full new_ones new_zeros nll_loss2d_backward nll_loss2d_forward
    nll_loss_backward nll_loss_forward nonzero norm normal ones ones_like pad _pin_memory
    _prelu_kernel prod rand rand_like randint randint_like randn randn_like random randperm
    reflection_pad1d reflection_pad2d repeat repeat_interleave replication_pad1d replication_pad2d
    _reshape_copy resize roll rot90 rrelu_with_noise _safe_softmax scalar_tensor scatter
    scatter_add scatter_reduce searchsorted select_scatter set slice_scatter smooth_l1_loss
    _softmax _softmax_backward_data softplus sort split_with_sizes_copy stack std std_mean sum take
    _thnn_fused_gru_cell _thnn_fused_lstm_cell _to_copy to_padded_tensor topk
    torchvision::_roi_align_backward torchvision::nms torchvision::roi_align torchvision::roi_pool
    transpose tril tril_indices triu triu_indices uniform _unique _unique2 unique_consecutive
    unique_dim _unsafe_index _unsafe_index_put _unsafe_masked_index unsafe_split
    unsafe_split_with_sizes _unsafe_view upsample_bicubic2d _upsample_bicubic2d_aa
    upsample_bilinear2d _upsample_bilinear2d_aa upsample_linear1d upsample_nearest1d
    upsample_nearest2d upsample_nearest3d _upsample_nearest_exact2d upsample_trilinear3d
    _use_cudnn_ctc_loss var var_mean zero zeros zeros_like
""".split())
