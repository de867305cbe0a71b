// Where rays enter and leave boxes, one thread for each ray.
#pragma once

#include "lanes.h"

namespace firstlight {

// Kernel: where a ray is inside each box x0 y0 z0 x1 y1 z1, within [near_plane, far_plane]; `miss_value` where it never
// is. A box behind the origin is missed, and so is every box by a ray with a NaN.
KERNEL_FN void ray_boxes(
    int ray, const wp::array_t<wp::vec3>& rays_o, const wp::array_t<wp::vec3>& rays_d, const wp::array_t<float>& boxes,
    float near_plane, float far_plane, float miss_value, const wp::array_t<float>& t_mins,
    const wp::array_t<float>& t_maxs, const wp::array_t<bool>& hits) {
    const wp::vec3 origin = rays_o.data[ray], direction = rays_d.data[ray];
    const int n_boxes = boxes.shape[0] / 6;
    for (int k = 0; k < n_boxes; ++k) {
        const float* box = boxes.data + 6 * (size_t)k;
        float enter = -INFINITY, leave = INFINITY;
        bool meets = true;
        for (int axis = 0; axis < 3; ++axis) {
            const float low = box[axis] - origin[axis], high = box[3 + axis] - origin[axis], d = direction[axis];
            if (d == 0.0f) {  // along the faces: inside for all t or for none
                meets = meets && low <= 0.0f && high >= 0.0f;
                continue;
            }
            const float inverse = 1.0f / d, a = low * inverse, b = high * inverse;
            enter = wp::max(enter, wp::min(a, b));
            leave = wp::min(leave, wp::max(a, b));
            meets = meets && a == a && b == b;
        }
        meets = meets && enter <= leave && leave > 0.0f;
        const size_t at = (size_t)ray * n_boxes + k;
        t_mins.data[at] = meets ? wp::max(enter, near_plane) : miss_value;
        t_maxs.data[at] = meets ? wp::min(leave, far_plane) : miss_value;
        hits.data[at] = meets;
    }
}

}  // namespace firstlight
