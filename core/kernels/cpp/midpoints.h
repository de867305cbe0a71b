// Where samples are looked up: the middles of their intervals.
#pragma once

#include "lanes.h"

namespace firstlight {

// Kernel: positions of samples `first` to `last - 1`, and their directions if that array has data.
KERNEL_FN void midpoints(
    int first, int last, const wp::array_t<wp::vec3>& rays_o, const wp::array_t<wp::vec3>& rays_d,
    const wp::array_t<float>& t_starts, const wp::array_t<float>& t_ends, const wp::array_t<int>& ray_indices,
    const wp::array_t<wp::vec3>& positions, const wp::array_t<wp::vec3>& directions) {
    for (int i = first; i < last; ++i) {
        const int ray = ray_indices.data[i];
        positions.data[i] = rays_o.data[ray] + rays_d.data[ray] * (0.5f * (t_starts.data[i] + t_ends.data[i]));
        if (directions.data) directions.data[i] = rays_d.data[ray];
    }
}

}  // namespace firstlight
