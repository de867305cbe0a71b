// Maps positions into the unit cube in which a field looks them up; see `core.kernels.contraction.Space`.
#pragma once

#include "lanes.h"

namespace firstlight {

// Numbered as the names in `core.config.contractions.Contraction`.
enum Contraction { CONTRACT_NONE, CONTRACT_MAX, CONTRACT_SPHERE, CONTRACT_NDC };

// Positions are clamped to this distance, in half sides of the box, so that infinite ones get a place too;
// `core.kernels.contraction.FARTHEST`.
constexpr float FARTHEST = 1e15f;

struct Space {
    wp::vec3 low, inverse_size;
    int contraction;
    wp::mat33 axes;  // of CONTRACT_NDC's frame
};

// Places in the cube of the n positions from i on, in rows of x, y and z; spare lanes repeat the first one. NaN stays
// NaN, because comparisons with it are false.
WIDE_FN void places_of(const Space& space, const float* positions, int i, int n, Row* at) {
    const Row zeros = {};
    const int contraction = space.contraction;
    float* to = reinterpret_cast<float*>(at);
    for (int j = 0; j < LANES; ++j)
        for (int axis = 0; axis < 3; ++axis)
            to[axis * LANES + j] =
                (positions[3 * (i + (j < n ? j : 0)) + axis] - space.low[axis]) * space.inverse_size[axis];
    if (contraction == CONTRACT_NONE) return;
    const Row one = zeros + 1.0f, farthest = zeros + FARTHEST;
    Row off[3];  // from the box's centre, -1 to 1 inside; or from the frame's origin
    for (int axis = 0; axis < 3; ++axis) {
        off[axis] = contraction == CONTRACT_NDC ? at[axis] : 2.0f * at[axis] - 1.0f;
        off[axis] = off[axis] > farthest ? farthest : off[axis];
        off[axis] = off[axis] < -farthest ? -farthest : off[axis];
    }
    if (contraction == CONTRACT_NDC) {
        Row seen[3];
        for (int axis = 0; axis < 3; ++axis)
            seen[axis] = space.axes.data[axis][0] * off[0] + space.axes.data[axis][1] * off[1]
                + space.axes.data[axis][2] * off[2];
        const Row nearness = 1.0f / (seen[2] < one ? one : seen[2]);
        for (int axis = 0; axis < 2; ++axis) {
            const Row share = 0.5f + 0.5f * seen[axis] * nearness;
            at[axis] = share < zeros ? zeros : share > one ? one : share;
        }
        at[2] = 1.0f - nearness;
        return;
    }
    Row distance = zeros;
    for (int axis = 0; axis < 3; ++axis) {
        const Row size = off[axis] < zeros ? -off[axis] : off[axis];
        if (contraction == CONTRACT_SPHERE)
            distance += size * size;
        else
            distance = size > distance ? size : distance;
    }
    if (contraction == CONTRACT_SPHERE) distance = sqrt_of(distance);
    distance = distance < one ? one : distance;
    const Row shrunk = 0.25f * (2.0f - 1.0f / distance) / distance;
    for (int axis = 0; axis < 3; ++axis) at[axis] = 0.5f + shrunk * off[axis];
}

}  // namespace firstlight
