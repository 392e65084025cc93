#include <sstream>

#include "nodes.h"

namespace spurmem {

namespace {

// Their results are new memory.
constexpr auto kPlain =
    // Layers.
    "conv1d conv2d conv2d.padding conv_transpose2d.input linear batch_norm layer_norm group_norm "
    "instance_norm rms_norm bilinear embedding scaled_dot_product_attention "
    // Activations.
    "relu relu6 hardtanh hardsigmoid hardswish silu gelu elu celu selu leaky_relu mish softplus "
    "softsign prelu sigmoid log_sigmoid tanh softmax.int log_softmax.int glu softshrink hardshrink "
    "threshold "
    // Elementwise.
    "add.Tensor add.Scalar sub.Tensor sub.Scalar rsub.Scalar mul.Tensor mul.Scalar div.Tensor "
    "div.Scalar div.Tensor_mode div.Scalar_mode floor_divide floor_divide.Scalar remainder.Scalar "
    "remainder.Tensor neg abs sign exp expm1 log log1p log2 sqrt rsqrt reciprocal square "
    "pow.Tensor_Scalar pow.Tensor_Tensor pow.Scalar sin cos tan atan erf floor ceil round trunc "
    "clamp clamp.Tensor clamp_min clamp_max maximum minimum lerp.Scalar addcmul addcdiv where.self "
    "where.ScalarOther where.ScalarSelf masked_fill.Scalar masked_fill.Tensor eq.Scalar eq.Tensor "
    "ne.Scalar ne.Tensor lt.Scalar lt.Tensor le.Scalar le.Tensor gt.Scalar gt.Tensor ge.Scalar "
    "ge.Tensor logical_and logical_or logical_not bitwise_not bitwise_and.Tensor bitwise_or.Tensor "
    // Products.
    "matmul mm bmm addmm baddbmm einsum outer dot mv "
    // Reductions.
    "mean mean.dim sum sum.dim_IntList amax amin max.dim min.dim argmax var.dim var.correction "
    "std.dim std.correction var_mean.correction var_mean.dim linalg_vector_norm norm.ScalarOpt_dim "
    "logsumexp cumsum prod.dim_int "
    // Pools and sizes of images.
    "max_pool1d max_pool2d avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d "
    "adaptive_max_pool2d max_pool2d_with_indices upsample_nearest2d.vec upsample_bilinear2d.vec "
    "upsample_bicubic2d.vec pad constant_pad_nd reflection_pad2d replication_pad2d pixel_shuffle "
    "pixel_unshuffle channel_shuffle im2col grid_sampler "
    // Parts and orders.
    "cat stack index.Tensor index_select gather repeat repeat_interleave.self_int roll flip tril "
    "triu clone one_hot lift_fresh_copy topk sort "
    // New tensors.
    "arange arange.start arange.start_step linspace zeros ones full zeros_like ones_like full_like "
    "new_zeros new_ones new_full empty.memory_format new_empty scalar_tensor sym_size.int";

// Their results may alias an argument, or a part of it.
constexpr auto kAliases =
    "view reshape permute transpose.int t flatten.using_ints unflatten.int squeeze squeeze.dim "
    "squeeze.dims unsqueeze expand expand_as view_as reshape_as contiguous alias detach to.dtype "
    "to.device to.dtype_layout type_as select.int slice.Tensor narrow split.Tensor split.sizes "
    "split_with_sizes chunk unbind.int movedim.int movedim.intlist swapaxes swapdims unfold "
    "lift_fresh dropout feature_dropout alpha_dropout meshgrid meshgrid.indexing numpy_T mT adjoint";

constexpr auto kWrites =
    "relu_ relu6_ hardtanh_ hardsigmoid_ hardswish_ silu_ elu_ celu_ selu_ leaky_relu_ mish_ "
    "sigmoid_ tanh_ gelu_ add_.Tensor add_.Scalar sub_.Tensor mul_.Tensor mul_.Scalar div_.Tensor "
    "div_.Scalar clamp_ clamp_min_ clamp_max_ exp_ sqrt_ masked_fill_.Scalar bernoulli_.float "
    "fill_.Scalar zero_ copy_ dropout_ feature_dropout_ threshold_";

}  // namespace

const std::vector<PlanOperator>& planOperators() {
  static const auto all = [] {
    std::vector<PlanOperator> operators;
    const auto add = [&operators](const char* names, bool aliases, bool writes) {
      std::istringstream words(names);
      for (std::string word; words >> word;) operators.push_back({word, aliases, writes});
    };
    add(kPlain, false, false);
    add(kAliases, true, false);
    add(kWrites, true, true);
    return operators;
  }();
  return all;
}

}  // namespace spurmem
