// The ends and middles of samples along rays, one thread for each ray.
#pragma once

#include "lanes.h"

namespace firstlight {

// Kernel: the ends of a ray's samples, of which samples that adjoin share one: their number in `counts` or, if `edges`
// has data, the edges from `edge_starts[ray]` on. `middles` are the samples' own, in their order.
KERNEL_FN void sample_edges(
    int ray, const wp::array_t<wp::vec2i>& packed_info, const wp::array_t<float>& t_starts,
    const wp::array_t<float>& t_ends, const wp::array_t<wp::int64>& edge_starts, const wp::array_t<wp::int64>& counts,
    const wp::array_t<float>& edges, const wp::array_t<wp::int64>& edge_rays, const wp::array_t<bool>& is_left,
    const wp::array_t<bool>& is_right, const wp::array_t<float>& middles, const wp::array_t<wp::int64>& middle_rays) {
    const int first = packed_info.data[ray][0], last = first + packed_info.data[ray][1];
    const bool writes = edges.data != nullptr;
    long long at = writes ? edge_starts.data[ray] : 0;
    const long long before = at;
    for (int i = first; i < last; ++i) {
        const float from = t_starts.data[i], to = t_ends.data[i];
        const bool adjoins = i > first && from == t_ends.data[i - 1];
        if (!writes) {
            at += adjoins ? 1 : 2;
            continue;
        }
        if (!adjoins) {
            edges.data[at] = from;
            edge_rays.data[at] = ray;
            is_right.data[at++] = false;
        }
        is_left.data[at - 1] = true;
        edges.data[at] = to;
        edge_rays.data[at] = ray;
        is_left.data[at] = false;
        is_right.data[at++] = true;
        middles.data[i] = 0.5f * (from + to);
        middle_rays.data[i] = ray;
    }
    if (!writes) counts.data[ray] = at - before;
}

}  // namespace firstlight
