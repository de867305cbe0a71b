"""The code of `core.kernels.marching`'s march: on the CPU sixteen rays side by side, on CUDA one.

A ray's way from cell to cell is one chain, each link of which waits for the one before: side by side, sixteen rays take
little longer than one. A lane whose ray is done goes on with the next ray at once.
"""

from core.kernels.grid import FAR_AWAY
from core.kernels.lanes import LANES_CODE

LEAP_CODE = """
    if (cone_angle * target < step_size) {
        const float n = ceilf((target - t) / step_size - 0.5f);
        return n > 0.0f ? LEAPT(t + n * step_size, n) : LEAPT(t, 0.0f);
    }
    float n = 0.0f;
    const float knee = step_size / cone_angle;
    if (t < knee) {
        const float end = knee + 0.5f * step_size;
        n = ceilf(((target < end ? target : end) - t) / step_size - 0.5f);
        n = n > 0.0f ? n : 0.0f;
        t += n * step_size;
    }
    const float grown = 1.0f + cone_angle;
    const float log_growth = logf(grown) * cone_angle / (grown - 1.0f);  // log(1 + cone_angle) unrounded (Kahan)
    const float k = floorf(logf(target / t) / log_growth) - 1.0f;
    if (k > 8.0f) {  // a few steps are taken sooner than leapt over
        t *= expf(k * log_growth);
        n += k;
    }
    return LEAPT(t, n);
"""
"""Body of a function that passes nearly all of the intervals from `t` on whose middles lie before `target`, in closed
form. It gives, as `LEAPT` makes it, the start of the interval reached and the number of intervals passed.

Steps are constant up to the distance step_size / cone_angle; from there each interval starts (1 + cone_angle) times as
far away as the one before."""

CELLS_CODE = """
    struct Cells {
        Whole level, cell[3];
        Row low[3], scale;  // of the level's box: its lowest corner, and its size in base boxes
        alignas(Whole) int index[LANES];  // in the flattened [level, x, y, z]
    };
    auto cells_at = [=](const Row* position) WIDE {
        Cells at;
        at.level = Whole{};
        at.scale = zeros + 1.0f;
        if (grid.n_levels > 1) {
            Row reach = zeros;
            for (int axis = 0; axis < 3; ++axis) {
                const Row off = position[axis] - grid.center[axis];
                const Row share = (off < zeros ? -off : off) / grid.half[axis];
                reach = share > reach ? share : reach;
            }
            for (int k = 0; k + 1 < grid.n_levels; ++k) {
                const auto beyond = reach > zeros + (float)(1 << k);
                at.level = beyond ? at.level + 1 : at.level;
                at.scale = beyond ? zeros + (float)(2 << k) : at.scale;
            }
        }
        for (int axis = 0; axis < 3; ++axis) {
            at.low[axis] = grid.center[axis] - grid.half[axis] * at.scale;
            const Row place = (position[axis] - at.low[axis]) * grid.cells_per_unit[axis] / at.scale;
            const Whole rounded = (Whole)whole(place), highest = Whole{} + (grid.shape[axis] - 1);
            at.cell[axis] = rounded < Whole{} ? Whole{} : rounded;  // towards 0: down, wherever it isn't clamped
            at.cell[axis] = at.cell[axis] > highest ? highest : at.cell[axis];
        }
        const int nx = grid.shape[0], ny = grid.shape[1], nz = grid.shape[2];
        const Whole index = ((at.level * nx + at.cell[0]) * ny + at.cell[1]) * nz + at.cell[2];
        *reinterpret_cast<Whole*>(at.index) = index;
        return at;
    };
"""
"""The cells of a `grid` at positions: those of the finest level that contains them, or at its outer edge. What
`level_of` and `cell_at` of `core.kernels.grid` find, for a lane each."""

_LANES = """
    auto step_at = [=](Row t) WIDE {
        const Row grown = cone_angle * t;
        return grown > step_size ? grown : zeros + step_size;
    };
    auto first_of = [](float t, float n) { return t; };
    auto leap = [=](float t, float target) -> float { LEAP };
    auto number = [](Whole& row, int j) -> int& { return reinterpret_cast<int*>(&row)[j]; };
    const Row never = zeros + FAR_AWAY;
    const float* all_origins = reinterpret_cast<const float*>(rays_o.data);
    const float* all_directions = reinterpret_cast<const float*>(rays_d.data);

    Row origin[3] = {}, direction[3] = {}, inverse_direction[3] = {}, t = zeros, t_max = zeros;
    Whole n = {}, busy = {};
    int slots[LANES] = {}, next = first, n_busy = 0;
    auto finish = [&](int slot, int n_found, float t, bool goes_on) {
        counts.data[slot] = n_found;
        t_nexts.data[rays.data[slot]] = goes_on ? t : FAR_AWAY;
    };
    auto take_next = [&](int j) {  // whose way isn't done yet
        for (; next < last; ++next) {
            const int ray = rays.data[next];
            const float from = t_nexts.data[ray], grown = cone_angle * from;
            if (from + 0.5f * (grown > step_size ? grown : step_size) < t_maxs.data[ray]) {
                for (int axis = 0; axis < 3; ++axis) {
                    const float d = all_directions[3 * ray + axis];
                    lane(origin[axis], j) = all_origins[3 * ray + axis];
                    lane(direction[axis], j) = d;
                    // a ray along a plane reaches it very far away
                    lane(inverse_direction[axis], j) = d > 1e-12f || d < -1e-12f ? 1.0f / d : FAR_AWAY;
                }
                lane(t, j) = from;
                lane(t_max, j) = t_maxs.data[ray];
                number(n, j) = 0;
                slots[j] = next++;
                return true;
            }
            finish(next, 0, from, false);
        }
        return false;
    };
"""

_MARCH = """
    for (int j = 0; j < LANES; ++j)
        if (take_next(j)) {
            number(busy, j) = -1;
            ++n_busy;
        }
    while (n_busy > 0) {
        const Row step = step_at(t), middle = t + 0.5f * step;
        Row position[3];
        for (int axis = 0; axis < 3; ++axis)
            position[axis] = origin[axis] + direction[axis] * middle;
        const Cells at = cells_at(position);
        Whole clearance = {};
        for (int j = 0; j < LANES; ++j)
            number(clearance, j) = grid.clearances.data[at.index[j]];
        Row target = -never;  // where a lane leaps to; not at all from an occupied cell
        Row after = t + step;
        for (int j = 0; j < LANES; ++j)
            if (number(busy, j) && number(clearance, j) == 0)
                starts.data[(size_t)slots[j] * limit + number(n, j)++] = lane(t, j);
        if (any(busy & (clearance > Whole{}))) {
            Row left = never;
            for (int axis = 0; axis < 3; ++axis) {
                const Whole far = at.cell[axis] + clearance, near = at.cell[axis] - clearance + 1;
                const Whole side = Whole{} + grid.shape[axis];
                const Whole up = far < side ? far : side, down = near > Whole{} ? near : Whole{};
                const Row face = direction[axis] > zeros ? real(up) : real(down);
                const Row distance = (at.low[axis] + face * grid.cell_size[axis] * at.scale - origin[axis])
                    * inverse_direction[axis];
                const Row reached = inverse_direction[axis] == never ? never : distance;
                left = reached < left ? reached : left;
            }
            if (grid.n_levels > 1) {  // the next finer level's box may come first
                Row enter = -never, leave = never;
                for (int axis = 0; axis < 3; ++axis) {
                    const Row inner = grid.center[axis] - 0.5f * grid.half[axis] * at.scale;
                    const Row outer = 2.0f * grid.center[axis] - inner, o = origin[axis], d = direction[axis];
                    const Row a = (inner - o) / d, b = (outer - o) / d;
                    Row from = a < b ? a : b, to = a < b ? b : a;
                    from = inverse_direction[axis] == never ? (o >= inner ? -never : never) : from;
                    from = inverse_direction[axis] == never ? (o <= outer ? from : never) : from;
                    to = inverse_direction[axis] == never ? never : to;
                    enter = from > enter ? from : enter;
                    leave = to < leave ? to : leave;
                }
                const Row inside = enter < leave ? enter : never;
                const Row ahead = inside > middle ? inside : never;
                left = at.level > Whole{} ? (ahead < left ? ahead : left) : left;
            }
            target = clearance > Whole{} ? left : target;
            target = busy < Whole{} ? target : -never;
            Row steps = ceil_of((target - after) / step_size - 0.5f);
            steps = steps > zeros ? steps : zeros;
            const Row leapt = after + steps * step_size;
            if (any(cone_angle * target >= zeros + step_size))
                for (int j = 0; j < LANES; ++j)
                    lane(after, j) = cone_angle * lane(target, j) < step_size ? lane((Row&)leapt, j)
                                                                              : leap(lane(after, j), lane(target, j));
            else
                after = leapt;
            for (Row pace = step_at(after); any(after + 0.5f * pace < target); pace = step_at(after))
                after = after + 0.5f * pace < target ? after + pace : after;
        }
        t = after;
        const Row following = t + 0.5f * step_at(t);
        if (any(busy & ((following >= t_max) | (n >= Whole{} + limit))))
            for (int j = 0; j < LANES; ++j) {
                const bool goes_on = lane((Row&)following, j) < lane(t_max, j);
                if (!number(busy, j) || (goes_on && number(n, j) < limit))
                    continue;
                finish(slots[j], number(n, j), lane(t, j), goes_on);
                if (!take_next(j)) {
                    number(busy, j) = 0;
                    --n_busy;
                }
            }
    }
"""

_LEAP = LEAP_CODE.replace("LEAPT(", "first_of(")
MARCH_CODE = LANES_CODE + CELLS_CODE + (_LANES.replace("LEAP", _LEAP) + _MARCH).replace("FAR_AWAY", f"{FAR_AWAY:g}f")
"""Marches the rays `rays[first]` to `rays[last - 1]`, each for `limit` samples at most, through a `grid`."""
