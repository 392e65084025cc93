// Losses: scalars, or one value a sample, that record the graph of what they are computed from.
#pragma once

#include <napi.h>

namespace spurmem {

// crossEntropy(logits, labels, reduction): 'mean' gives a scalar Tensor, 'none' one loss a sample.
Napi::Value crossEntropy(const Napi::CallbackInfo& info);
// squaredError(logits, labels, reduction): of the softmax against the one-hot class; a sample's value is the
// mean over classes.
Napi::Value squaredError(const Napi::CallbackInfo& info);
// ntXent(a, b, temperature): a scalar Tensor. Row i of one is the positive of row i of the other.
Napi::Value ntXent(const Napi::CallbackInfo& info);
// combine(terms): the sum of {tensor, weight} terms, a scalar Tensor; a weight is a number or a Float32Array
// with one weight an element of its tensor.
Napi::Value combine(const Napi::CallbackInfo& info);

}  // namespace spurmem
