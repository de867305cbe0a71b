// Undoes lens distortion by Newton's method, for one pixel in each lane. Each step waits for the divisions of the one
// before, so sixteen pixels side by side take little longer than one.
//
// The formulas are those of `core.geometry.lenses.straighten`. Where Newton's method does not converge, rounding
// decides where it ends, so operations are in torch's order, and the module is compiled without fusing them. A lane
// that a step doesn't change is not changed by later steps either.
#pragma once

#include "lanes.h"

namespace firstlight {

constexpr int N_COEFFICIENTS = 8;  // of a lens, see `core.geometry.lenses`

// The direction `ahead` of a ray through the distorted image point (x, y), for the coefficients k1 to k6, p1 and p2.
template <int NEWTON_STEPS>
WIDE_FN void straighten(const Row* k, const Row x, const Row y, Row* ahead) {
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
        if (!any((u != before_u) | (v != before_v))) break;
    }
    ahead[0] = u;
    ahead[1] = v;
    ahead[2] = row_of(1.0f);
}

// The same for a fisheye lens, with the coefficients k1 to k4.
template <int NEWTON_STEPS>
WIDE_FN void straighten_fisheye(const Row* k, const Row x, const Row y, Row* ahead) {
    Row radius = {};
    for (int j = 0; j < LANES; ++j) {  // in double: rounded as torch's hypot is
        const double a = lane(x, j), b = lane(y, j);
        lane(radius, j) = (float)sqrt(a * a + b * b);
    }
    Row angle = radius;
    for (int step = 0; step < NEWTON_STEPS; ++step) {
        const Row s = angle * angle;
        const Row value = angle * (1.0f + s * (k[0] + s * (k[1] + s * (k[2] + s * k[3]))));
        const Row slope = 1.0f + s * (3.0f * k[0] + s * (5.0f * k[1] + s * (7.0f * k[2] + s * 9.0f * k[3])));
        const Row before = angle;
        angle = angle - (value - radius) / slope;
        if (!any(angle != before)) break;
    }
    Row sine = {}, cosine = {};
    for (int j = 0; j < LANES; ++j) {
        lane(sine, j) = sinf(lane(angle, j));
        lane(cosine, j) = cosf(lane(angle, j));
    }
    const Row least = row_of(1e-12f), scale = sine / (radius < least ? least : radius);
    ahead[0] = x * scale;
    ahead[1] = y * scale;
    ahead[2] = cosine;
}

}  // namespace firstlight
