// Rays through pixels of cameras, with one pixel in each lane.
#pragma once

#include "lanes.h"
#include "lenses.h"

namespace firstlight {

// The cameras of the pixels in the lanes.
struct LaneCameras {
    Row pose[12], focal[2], middle[2], lens[N_COEFFICIENTS];
};

// Puts a camera into a lane; pinholes have no coefficients.
KERNEL_FN void put_camera(
    LaneCameras& cameras, int j, int view, const wp::array_t<wp::mat44>& c2w, const wp::array_t<wp::mat33>& K,
    const wp::array_t<float>& coefficients) {
    const float* at = reinterpret_cast<const float*>(c2w.data) + 16 * (size_t)view;
    for (int entry = 0; entry < 12; ++entry) lane(cameras.pose[entry], j) = at[entry];
    at = reinterpret_cast<const float*>(K.data) + 9 * (size_t)view;
    for (int axis = 0; axis < 2; ++axis) {
        lane(cameras.focal[axis], j) = at[4 * axis];
        lane(cameras.middle[axis], j) = at[3 * axis + 2];
    }
    at = coefficients.data + N_COEFFICIENTS * (size_t)view;
    for (int term = 0; coefficients.data && term < N_COEFFICIENTS; ++term) lane(cameras.lens[term], j) = at[term];
}

// World-space unit directions through the pixels (column, row), whose centres lie `center` beyond their corners.
template <int NEWTON_STEPS>
WIDE_FN void directions_of(
    const LaneCameras& cameras, bool has_lens, bool fisheye, const wp::vec3& axes, float center, Row column, Row row,
    Row* direction) {
    const Row x = (column + center - cameras.middle[0]) / cameras.focal[0];
    const Row y = (row + center - cameras.middle[1]) / cameras.focal[1];
    Row ahead[3] = {x, y, row_of(1.0f)};
    if (has_lens && fisheye)
        straighten_fisheye<NEWTON_STEPS>(cameras.lens, x, y, ahead);
    else if (has_lens)
        straighten<NEWTON_STEPS>(cameras.lens, x, y, ahead);
    for (int axis = 0; axis < 3; ++axis) ahead[axis] = axes[axis] * ahead[axis];
    for (int axis = 0; axis < 3; ++axis) {
        const Row* pose = cameras.pose + 4 * axis;
        direction[axis] = pose[0] * ahead[0] + pose[1] * ahead[1] + pose[2] * ahead[2];
    }
    const Row length = sqrt_of(direction[0] * direction[0] + direction[1] * direction[1] + direction[2] * direction[2]);
    for (int axis = 0; axis < 3; ++axis) direction[axis] = direction[axis] / length;
}

// Kernel: rays_o and rays_d of the pixels `first` to `last - 1`; `core.kernels.camera_rays` explains the arguments.
template <int NEWTON_STEPS>
WIDE_FN void camera_rays(
    int first, int last, const wp::array_t<wp::mat44>& c2w, const wp::array_t<wp::mat33>& K,
    const wp::array_t<float>& coefficients, bool fisheye, int width, int height, const wp::array_t<wp::int64>& sizes,
    const wp::vec3& axes, float center, const wp::array_t<wp::int64>& views, const wp::array_t<wp::int64>& pixels,
    const wp::array_t<wp::vec3>& rays_o, const wp::array_t<wp::vec3>& rays_d) {
    float* all_origins = reinterpret_cast<float*>(rays_o.data);
    float* all_directions = reinterpret_cast<float*>(rays_d.data);
    const bool is_one = c2w.shape[0] == 1, has_lens = coefficients.shape[0] > 0;
    LaneCameras cameras = {};
    for (int j = 0; is_one && j < LANES; ++j) put_camera(cameras, j, 0, c2w, K, coefficients);
    for (int i = first; i < last; i += LANES) {
        const int n = last - i < LANES ? last - i : LANES;
        Row column = {}, row = {};
        for (int j = 0; j < LANES; ++j) {
            const int at = i + (j < n ? j : 0);
            const long long number = pixels.data[at];
            int view = 0, pixel = (int)number;
            if (views.data)
                view = (int)views.data[at];
            else if (!is_one) {
                view = (int)(number / ((long long)width * height));
                pixel = (int)(number - (long long)width * height * view);
            }
            if (!is_one) put_camera(cameras, j, view, c2w, K, coefficients);
            // an image has fewer than 2^31 pixels, and 32-bit division is faster
            const int n_columns = sizes.data ? (int)sizes.data[2 * (size_t)view] : width;
            const int down = pixel / n_columns;
            lane(row, j) = (float)down;
            lane(column, j) = (float)(pixel - down * n_columns);
        }
        Row direction[3];
        directions_of<NEWTON_STEPS>(cameras, has_lens, fisheye, axes, center, column, row, direction);
        for (int j = 0; j < n; ++j)
            for (int axis = 0; axis < 3; ++axis) {
                all_origins[3 * (size_t)(i + j) + axis] = lane(cameras.pose[4 * axis + 3], j);
                all_directions[3 * (size_t)(i + j) + axis] = lane(direction[axis], j);
            }
    }
}

}  // namespace firstlight
