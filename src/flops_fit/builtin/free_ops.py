"""Which tensor operations cost no matrix product.

FLOPs here are those of matrix products and convolutions, as in every published scaling law. What is free is
listed by name; an operation that is neither listed nor counted is an error, because a silent zero would
move every answer of the sweep.
"""

from collections.abc import Iterable

import torch

_NAMES = {
    "creation": """
        arange empty empty_like empty_permuted empty_strided eye fill full full_like linspace
        new_empty new_empty_strided new_full new_ones new_zeros ones ones_like scalar_tensor
        tril_indices triu_indices zero zeros zeros_like""",
    "random numbers": """
        bernoulli exponential multinomial native_dropout normal rand rand_like randint randint_like
        randn randn_like random randperm uniform""",
    "copies and rearrangements": """
        _local_scalar_dense _reshape_copy _to_copy _unsafe_view cat clone col2im constant_pad_nd
        copy flip im2col lift_fresh pixel_shuffle pixel_unshuffle reflection_pad1d reflection_pad2d
        repeat replication_pad1d replication_pad2d roll stack unsafe_split unsafe_split_with_sizes""",
    "lookups, selections and sorting": """
        _embedding_bag _embedding_bag_dense _embedding_bag_forward_only _unsafe_index
        _unsafe_index_put _unsafe_masked_index _unsafe_masked_index_put_accumulate bucketize
        diagonal diagonal_scatter embedding embedding_dense gather index index_add index_copy
        index_fill index_put index_select masked_fill masked_scatter masked_select nonzero scatter
        scatter_add scatter_reduce searchsorted select select_scatter slice slice_scatter sort take
        topk tril triu unfold where""",
    "reductions": """
        all amax amin any argmax argmin argsort linalg_vector_norm logsumexp max mean median min
        mode nanmedian nansum norm prod std std_mean sum var var_mean""",
    "normalisation and softmax": """
        _batch_norm_with_update _fused_rms_norm _log_softmax _native_batch_norm_legit
        _native_batch_norm_legit_functional _native_batch_norm_legit_no_training _safe_softmax
        _softmax _weight_norm_interface batch_norm cudnn_batch_norm native_batch_norm
        native_group_norm native_layer_norm""",
    "element by element, though torch does not tag them so": """
        _prelu_kernel binary_cross_entropy binary_cross_entropy_with_logits glu huber_loss kl_div mse_loss
        nll_loss nll_loss2d nll_loss2d_forward nll_loss_forward smooth_l1_loss""",
    "pooling and resizing": """
        _adaptive_avg_pool2d _adaptive_avg_pool3d _upsample_bicubic2d_aa _upsample_bilinear2d_aa
        _upsample_nearest_exact1d _upsample_nearest_exact2d adaptive_max_pool2d avg_pool2d
        avg_pool3d max_pool2d_with_indices max_pool3d_with_indices upsample_bicubic2d
        upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d
        upsample_nearest3d upsample_trilinear3d""",
}
_FREE = frozenset(" ".join(_NAMES.values()).split())
_SHAPES_AND_ELEMENTS = {torch.Tag.pointwise, torch.Tag.inplace_view}
"""What torch itself tags so: element by element, or a view taken in place, such as `transpose_`."""


def is_free(op: torch._ops.OpOverload, name: str, tensors: Iterable[torch.Tensor]) -> bool:
    """Decide whether `op` costs no matrix product: a view, element-wise, listed here, or on integers only."""
    if op.is_view or not _SHAPES_AND_ELEMENTS.isdisjoint(op.tags):
        return True
    namespace, _, name = name.partition(".")
    if namespace != "aten":
        return False
    if _forward_form(name) in _FREE:
        return True
    # Counting positions, say by cumsum over a mask, is no floating-point work; an integer matmul is work.
    return "mm" not in name and not any(t.is_floating_point() or t.is_complex() for t in tensors)


def _forward_form(name: str) -> str:
    """Strip the marks of in-place and backward forms: `index_put_` and `glu_backward` cost no more."""
    return name.removesuffix("_").removesuffix("_data").removesuffix("_backward")
