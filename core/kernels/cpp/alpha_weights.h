// Weights of packed samples from their alphas, one thread for each ray.
#pragma once

#include "lanes.h"

namespace firstlight {

// Kernel: w_i = T_i alpha_i, with T_i the product of the (1 - alpha) before it.
KERNEL_FN void alpha_weights_ahead(
    int ray, const wp::array_t<wp::vec2i>& packed_info, const wp::array_t<float>& alphas,
    const wp::array_t<float>& weights, const wp::array_t<float>& trans) {
    const int first = packed_info.data[ray][0], last = first + packed_info.data[ray][1];
    double left = 1.0;
    for (int i = first; i < last; ++i) {
        trans.data[i] = (float)left;
        weights.data[i] = (float)(left * alphas.data[i]);
        left *= 1.0 - (double)alphas.data[i];
    }
}

// Kernel: the alphas' gradients from those of weights and transmittances (without data: none). Nothing is divided by
// 1 - alpha, which may be 0: with R the gradient of all from sample i on per transmittance before it,
// d alpha_i = T_i (dw_i - R_{i+1}) and R_i = dw_i alpha_i + dT_i + (1 - alpha_i) R_{i+1}.
KERNEL_FN void alpha_weights_back(
    int ray, const wp::array_t<wp::vec2i>& packed_info, const wp::array_t<float>& alphas,
    const wp::array_t<float>& trans, const wp::array_t<float>& weight_grads, const wp::array_t<float>& trans_grads,
    const wp::array_t<float>& alpha_grads) {
    const int first = packed_info.data[ray][0], last = first + packed_info.data[ray][1];
    double rest = 0.0;
    for (int i = last - 1; i >= first; --i) {
        const double alpha = alphas.data[i];
        const double weight_grad = weight_grads.data ? weight_grads.data[i] : 0.0f;
        const double trans_grad = trans_grads.data ? trans_grads.data[i] : 0.0f;
        alpha_grads.data[i] = (float)(trans.data[i] * (weight_grad - rest));
        rest = weight_grad * alpha + trans_grad + (1.0 - alpha) * rest;
    }
}

}  // namespace firstlight
