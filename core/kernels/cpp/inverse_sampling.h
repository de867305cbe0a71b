// Looking values up in sorted ones, and inverse transform sampling, along rays of packed or equally many values; one
// thread for each ray.
#pragma once

#include "lanes.h"

namespace firstlight {

// A ray's values: of `starts[ray]` on, `counts[ray]` of them or, without these arrays, `n_each` for each ray.
struct RayRange {
    long long first, last;  // half-open

    KERNEL_FN RayRange(int ray, const wp::array_t<wp::int64>& starts, const wp::array_t<wp::int64>& counts, int n_each)
        : first(starts.data ? starts.data[ray] : (long long)ray * n_each),
          last(first + (starts.data ? counts.data[ray] : n_each)) {}
};

// The first of the sorted values `first` to `last - 1` that is greater than x; `last` if none is.
KERNEL_FN long long first_above(const float* values, long long first, long long last, float x) {
    while (first < last) {
        const long long middle = first + (last - first) / 2;
        if (values[middle] > x)
            last = middle;
        else
            first = middle + 1;
    }
    return first;
}

// Kernel: for each of a ray's queries the neighbouring keys with key <= query < key; a query outside the keys gets the
// two outermost ones on its side. Where each ray has as many keys, they are counted from the ray's first.
KERNEL_FN void search_keys(
    int ray, const wp::array_t<wp::int64>& query_starts, const wp::array_t<wp::int64>& query_counts, int n_queries,
    const wp::array_t<float>& queries, const wp::array_t<wp::int64>& key_starts,
    const wp::array_t<wp::int64>& key_counts, int n_keys, const wp::array_t<float>& keys, bool from_zero,
    const wp::array_t<wp::int64>& left, const wp::array_t<wp::int64>& right) {
    const RayRange query(ray, query_starts, query_counts, n_queries), key(ray, key_starts, key_counts, n_keys);
    const long long base = from_zero ? key.first : 0, least = key.first - base;
    const long long highest = wp::max(key.last - 1 - base, least);
    for (long long i = query.first; i < query.last; ++i) {
        const long long above = first_above(keys.data, key.first, key.last, queries.data[i]) - base;
        right.data[i] = wp::min(wp::max(above, least + 1), highest);
        left.data[i] = wp::max(right.data[i] - 1, least);
    }
}

// Where the ray's CDF reaches u, linear between its edges; `at` is an edge before that, and is moved on.
KERNEL_FN float where_reached(const float* cdfs, const float* edges, const RayRange& key, float u, long long& at) {
    while (at + 2 < key.last && cdfs[at + 1] <= u) ++at;  // at most to the last interval
    if (at + 1 >= key.last) return edges[key.last - 1];
    const float rise = cdfs[at + 1] - cdfs[at], length = edges[at + 1] - edges[at];
    // a flat piece is reached everywhere; take its middle
    return edges[at] + length * (rise < 1e-10f ? 0.5f : wp::max(0.0f, u - cdfs[at]) / rise);
}

// Kernel: a ray's samples at equal steps of its CDF, each `bias` into its step, and the edges of their intervals:
// midway between samples, and as far beyond the outermost ones, but within the ray's edges. A single sample has all of
// it.
KERNEL_FN void sample_cdf(
    int ray, const wp::array_t<wp::int64>& key_starts, const wp::array_t<wp::int64>& key_counts, int n_keys,
    const wp::array_t<float>& keys, const wp::array_t<float>& cdfs, const wp::array_t<float>& bias,
    const wp::array_t<wp::int64>& sample_starts, const wp::array_t<wp::int64>& sample_counts, int n_samples,
    const wp::array_t<wp::int64>& edge_starts, const wp::array_t<wp::int64>& edge_counts,
    const wp::array_t<float>& samples, const wp::array_t<float>& edges) {
    const RayRange key(ray, key_starts, key_counts, n_keys), own(ray, sample_starts, sample_counts, n_samples);
    const RayRange intervals(ray, edge_starts, edge_counts, n_samples + 1);
    const long long n = own.last - own.first;
    if (n == 0) return;
    float *at = samples.data + own.first, *edge = edges.data + intervals.first;
    if (key.first == key.last) {  // no interval to sample
        for (long long k = 0; k < n; ++k) at[k] = 0.0f;
        for (long long k = 0; k <= n; ++k) edge[k] = 0.0f;
        return;
    }
    const float low = cdfs.data[key.first], rise = (cdfs.data[key.last - 1] - low) / n;
    const float shift = bias.data ? bias.data[ray] : 0.5f;
    long long reached = key.first;
    for (long long k = 0; k < n; ++k)
        at[k] = where_reached(cdfs.data, keys.data, key, low + ((float)k + shift) * rise, reached);
    const float from = keys.data[key.first], to = keys.data[key.last - 1];
    for (long long k = 1; k < n; ++k) edge[k] = 0.5f * (at[k - 1] + at[k]);
    edge[0] = n > 1 ? wp::max(at[0] - 0.5f * (at[1] - at[0]), from) : from;
    edge[n] = n > 1 ? wp::min(at[n - 1] + 0.5f * (at[n - 1] - at[n - 2]), to) : to;
}

}  // namespace firstlight
