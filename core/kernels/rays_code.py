"""The code of `core.kernels.pixels`' rays: on the CPU sixteen pixels side by side, on CUDA one.

A lens is undone by Newton's method, each step of which waits for the divisions of the one before: side by side, sixteen
pixels take little longer than one.
"""

from core.geometry.lenses import N_COEFFICIENTS, NEWTON_STEPS
from core.kernels.lanes import LANES_CODE

_STRAIGHTEN = """
    auto straighten = [=](const Row* k, const Row x, const Row y, Row* ahead) WIDE {
        const Row k1 = k[0], k2 = k[1], k3 = k[2], k4 = k[3], k5 = k[4], k6 = k[5], p1 = k[6], p2 = k[7];
        Row u = x, v = y;
        for (int step = 0; step < NEWTON_STEPS; ++step) {
            const Row s = u * u + v * v;
            const Row above = 1.0f + s * (k1 + s * (k2 + s * k3)), below = 1.0f + s * (k4 + s * (k5 + s * k6));
            const Row above_slope = k1 + s * (2.0f * k2 + s * 3.0f * k3);
            const Row below_slope = k4 + s * (2.0f * k5 + s * 3.0f * k6);
            const Row radial = above / below;
            const Row radial_slope = (above_slope - radial * below_slope) / below;
            const Row bent_x = u * radial + 2.0f * p1 * u * v + p2 * (s + 2.0f * u * u);
            const Row bent_y = v * radial + p1 * (s + 2.0f * v * v) + 2.0f * p2 * u * v;
            const Row xx = radial + 2.0f * u * u * radial_slope + 2.0f * p1 * v + 6.0f * p2 * u;
            const Row xy = 2.0f * u * v * radial_slope + 2.0f * p1 * u + 2.0f * p2 * v;
            const Row yy = radial + 2.0f * v * v * radial_slope + 6.0f * p1 * v + 2.0f * p2 * u;
            const Row error_x = bent_x - x, error_y = bent_y - y, determinant = xx * yy - xy * xy;
            const Row before_u = u, before_v = v;
            u = u - (yy * error_x - xy * error_y) / determinant;
            v = v - (xx * error_y - xy * error_x) / determinant;
            if (!any((u != before_u) | (v != before_v)))
                break;
        }
        ahead[0] = u;
        ahead[1] = v;
        ahead[2] = zeros + 1.0f;
    };
    auto straighten_fisheye = [=](const Row* k, const Row x, const Row y, Row* ahead) WIDE {
        Row across = x, down = y, radius = zeros;
        for (int j = 0; j < LANES; ++j) {  // to the last digit, as torch's hypot
            const double a = lane(across, j), b = lane(down, j);
            lane(radius, j) = (float)sqrt(a * a + b * b);
        }
        Row angle = radius;
        for (int step = 0; step < NEWTON_STEPS; ++step) {
            const Row s = angle * angle;
            const Row value = angle * (1.0f + s * (k[0] + s * (k[1] + s * (k[2] + s * k[3]))));
            const Row slope = 1.0f + s * (3.0f * k[0] + s * (5.0f * k[1] + s * (7.0f * k[2] + s * 9.0f * k[3])));
            const Row before = angle;
            angle = angle - (value - radius) / slope;
            if (!any(angle != before))
                break;
        }
        Row sine = zeros, cosine = zeros;
        for (int j = 0; j < LANES; ++j) {
            lane(sine, j) = sinf(lane(angle, j));
            lane(cosine, j) = cosf(lane(angle, j));
        }
        const Row scale = sine / (radius < zeros + 1e-12f ? zeros + 1e-12f : radius);
        ahead[0] = x * scale;
        ahead[1] = y * scale;
        ahead[2] = cosine;
    };
"""
"""`core.geometry.lenses.straighten`, formula by formula. Where Newton's method does not arrive, the last digit of each
step decides where it ends: the order of operations is torch's, and `core.kernels.pixels` forbids to fuse them. What a
step no longer moves no later one does."""

_RAYS = """
    const bool has_lens = coefficients.shape[0] > 0;
    Row pose[12] = {}, focal[2] = {}, middle[2] = {}, k[N_COEFFICIENTS] = {};
    auto take_camera = [&](int j, int view) {
        const float* at = reinterpret_cast<const float*>(c2w.data) + 16 * (size_t)view;
        for (int entry = 0; entry < 12; ++entry)
            lane(pose[entry], j) = at[entry];
        at = reinterpret_cast<const float*>(K.data) + 9 * (size_t)view;
        for (int axis = 0; axis < 2; ++axis) {
            lane(focal[axis], j) = at[4 * axis];
            lane(middle[axis], j) = at[3 * axis + 2];
        }
        at = coefficients.data + N_COEFFICIENTS * (size_t)view;
        for (int term = 0; has_lens && term < N_COEFFICIENTS; ++term)
            lane(k[term], j) = at[term];
    };
    float* all_origins = reinterpret_cast<float*>(rays_o.data);
    float* all_directions = reinterpret_cast<float*>(rays_d.data);
    auto write_rays = [&](int i, int n, Row column, Row row) WIDE {
        const Row x = (column + center - middle[0]) / focal[0], y = (row + center - middle[1]) / focal[1];
        Row ahead[3] = {x, y, zeros + 1.0f};
        if (has_lens && fisheye)
            straighten_fisheye(k, x, y, ahead);
        else if (has_lens)
            straighten(k, x, y, ahead);
        for (int axis = 0; axis < 3; ++axis)
            ahead[axis] = axes[axis] * ahead[axis];
        Row direction[3];
        for (int axis = 0; axis < 3; ++axis)
            direction[axis] = pose[4 * axis] * ahead[0] + pose[4 * axis + 1] * ahead[1] + pose[4 * axis + 2] * ahead[2];
        const Row length = root_of(
            direction[0] * direction[0] + direction[1] * direction[1] + direction[2] * direction[2]);
        for (int axis = 0; axis < 3; ++axis)
            direction[axis] = direction[axis] / length;
        for (int j = 0; j < n; ++j)
            for (int axis = 0; axis < 3; ++axis) {
                all_origins[3 * (size_t)(i + j) + axis] = lane(pose[4 * axis + 3], j);
                all_directions[3 * (size_t)(i + j) + axis] = lane(direction[axis], j);
            }
    };
    const bool is_one = c2w.shape[0] == 1;
    for (int j = 0; is_one && j < LANES; ++j)
        take_camera(j, 0);
    for (int i = first; i < last; i += LANES) {
        const int n = last - i < LANES ? last - i : LANES;
        Row column = zeros, row = zeros;
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
            if (!is_one)
                take_camera(j, view);
            // one image has fewer than 2^31 pixels, and numbers of 32 bits are divided faster
            const int n_columns = sizes.data ? (int)sizes.data[2 * (size_t)view] : width;
            const int down = pixel / n_columns;
            lane(row, j) = (float)down;
            lane(column, j) = (float)(pixel - down * n_columns);
        }
        write_rays(i, n, column, row);
    }
"""

RAYS_CODE = (
    (LANES_CODE + _STRAIGHTEN + _RAYS)
    .replace("NEWTON_STEPS", str(NEWTON_STEPS))
    .replace("N_COEFFICIENTS", str(N_COEFFICIENTS))
)
"""Writes the rays of the pixels `first` to `last - 1`."""
