// Real spherical harmonics of degrees 0 to 3, orthonormal over the sphere, with the constants and signs of Sloan,
// "Efficient spherical harmonic evaluation", 2013.
#pragma once

#include "lanes.h"

namespace firstlight {

constexpr int N_HARMONICS = 16;

// The harmonics of unit vectors; `T` is float or a vector of floats.
template <class T>
WIDE_FN void harmonics_of(T x, T y, T z, T* harmonics) {
    const T zero = {};  // a vector can't be constructed from a number, but a number can be added to one
    const T xx = x * x, yy = y * y, zz = z * z;
    harmonics[0] = zero + 0.28209479177387814f;
    harmonics[1] = -0.48860251190291987f * y;
    harmonics[2] = 0.48860251190291987f * z;
    harmonics[3] = -0.48860251190291987f * x;
    harmonics[4] = 1.0925484305920792f * x * y;
    harmonics[5] = -1.0925484305920792f * y * z;
    harmonics[6] = 0.31539156525252005f * (3.0f * zz - 1.0f);
    harmonics[7] = -1.0925484305920792f * x * z;
    harmonics[8] = 0.5462742152960396f * (xx - yy);
    harmonics[9] = 0.5900435899266435f * y * (yy - 3.0f * xx);
    harmonics[10] = 2.890611442640554f * x * y * z;
    harmonics[11] = 0.4570457994644658f * y * (1.0f - 5.0f * zz);
    harmonics[12] = 0.3731763325901154f * z * (5.0f * zz - 3.0f);
    harmonics[13] = 0.4570457994644658f * x * (1.0f - 5.0f * zz);
    harmonics[14] = 1.445305721320277f * z * (xx - yy);
    harmonics[15] = 0.5900435899266435f * x * (3.0f * yy - xx);
}

// Kernel: values (n, n_features + 16): sample i's features, followed by the harmonics of its direction. All harmonics
// are computed before any is written: writing each at once takes three times as long.
KERNEL_FN void append_harmonics(
    int i, int n_features, const wp::array_t<float>& features, const wp::array_t<wp::vec3>& directions,
    const wp::array_t<float>& values) {
    const wp::vec3& direction = directions.data[i];
    float harmonics[N_HARMONICS];
    harmonics_of<float>(direction[0], direction[1], direction[2], harmonics);
    float* row = values.data + (size_t)i * (n_features + N_HARMONICS);
    for (int k = 0; k < n_features; ++k) row[k] = features.data[(size_t)i * n_features + k];
    for (int k = 0; k < N_HARMONICS; ++k) row[n_features + k] = harmonics[k];
}

}  // namespace firstlight
