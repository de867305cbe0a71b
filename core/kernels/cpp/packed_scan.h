// Sums and products along rays of packed values, one thread for each ray. Totals are kept in double.
#pragma once

#include "lanes.h"

namespace firstlight {

constexpr double LEAST_TOTAL = 1e-10;  // the smallest divisor of normalized sums

// Kernel: the sums or products of a ray's values up to each one: with it if INCLUSIVE, from the ray's end on if
// REVERSED.
template <bool IS_PRODUCT, bool INCLUSIVE, bool REVERSED>
KERNEL_FN void scan(
    int ray, const wp::array_t<wp::int64>& starts, const wp::array_t<wp::int64>& counts, bool normalize,
    const wp::array_t<float>& values, const wp::array_t<float>& totals) {
    const long long n = counts.data[ray], first = starts.data[ray];
    double total = IS_PRODUCT ? 1.0 : 0.0;
    for (long long k = 0; k < n; ++k) {
        const long long i = first + (REVERSED ? n - 1 - k : k);
        const double before = total, value = values.data[i];
        total = IS_PRODUCT ? total * value : total + value;
        totals.data[i] = (float)(INCLUSIVE ? total : before);
    }
    if (!normalize) return;
    const double divisor = total > LEAST_TOTAL ? total : LEAST_TOTAL;
    for (long long i = first; i < first + n; ++i) totals.data[i] = (float)(totals.data[i] / divisor);
}

// Kernel: the gradients of a ray's values from those of its products. Nothing is divided by a value, which may be 0:
// with P_i the product before value i, d x_i = P_i R_i, where R sums what the products from i on take from x_i,
// each without it.
template <bool INCLUSIVE>
KERNEL_FN void products_back(
    int ray, const wp::array_t<wp::int64>& starts, const wp::array_t<wp::int64>& counts,
    const wp::array_t<float>& values, const wp::array_t<float>& products, const wp::array_t<float>& product_grads,
    const wp::array_t<float>& value_grads) {
    const long long first = starts.data[ray], last = first + counts.data[ray];
    double rest = 0.0;  // R_i
    for (long long i = last - 1; i >= first; --i) {
        if (INCLUSIVE) {
            if (i + 1 < last) rest *= (double)values.data[i + 1];
            rest += (double)product_grads.data[i];
            value_grads.data[i] = (float)(i > first ? products.data[i - 1] * rest : rest);
        } else {
            if (i + 1 < last) rest = (double)product_grads.data[i + 1] + (double)values.data[i + 1] * rest;
            value_grads.data[i] = (float)(products.data[i] * rest);
        }
    }
}

}  // namespace firstlight
