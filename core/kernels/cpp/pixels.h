// What images have at pixels, and straight colours over a background.
#pragma once

#include "lanes.h"

namespace firstlight {

// Kernel: rgbs (n, 3) and alphas (n,) in [0, 1] of the pixels at `places[first]` to `places[last - 1]`. Of `images`
// only the address counts, not its length: Warp's has 32 bits, and large datasets have more bytes than that.
KERNEL_FN void look_up(
    int first, int last, const wp::array_t<wp::uint8>& images, int n_channels, const wp::array_t<wp::int64>& places,
    const wp::array_t<float>& rgbs, const wp::array_t<float>& alphas) {
    for (int i = first; i < last; ++i) {
        const wp::uint8* at = images.data + n_channels * places.data[i];
        float* rgb = rgbs.data + 3 * (size_t)i;
        for (int channel = 0; channel < 3; ++channel) rgb[channel] = (float)at[channel] / 255.0f;
        alphas.data[i] = n_channels == 4 ? (float)at[3] / 255.0f : 1.0f;
    }
}

// Kernel: colors (n, 3) of pixels `first` to `last - 1` over a background of one colour, or one for each pixel.
KERNEL_FN void lay_over(
    int first, int last, const wp::array_t<float>& rgbs, const wp::array_t<float>& alphas,
    const wp::array_t<float>& background, const wp::array_t<float>& colors) {
    for (int i = first; i < last; ++i) {
        const float alpha = alphas.data[i], *behind = background.data + (background.shape[0] == 3 ? 0 : 3 * (size_t)i);
        for (size_t c = 3 * (size_t)i, k = 0; k < 3; ++k)
            colors.data[c + k] = rgbs.data[c + k] * alpha + behind[k] * (1.0f - alpha);
    }
}

}  // namespace firstlight
