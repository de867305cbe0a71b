// The intervals of a march, which are adjacent, and `max(size, cone_angle * t)` long.
#pragma once

#include "lanes.h"

namespace firstlight {

struct Steps {
    float size, cone_angle;

    // The length of the interval that starts at t, a float or a Row.
    template <class Number>
    WIDE_FN Number at(Number t) const {
        const Number grown = cone_angle * t;
        return grown > size ? grown : Number{} + size;
    }
};

struct Reached {
    float t, n;  // the start of an interval, and the number of intervals before it
};

// Skips, in closed form, nearly all intervals from `t` on whose middles lie before `target`. Steps are constant up to
// the distance size / cone_angle; beyond it, each interval starts (1 + cone_angle) times as far away as the one before.
KERNEL_FN Reached leap(Steps steps, float t, float target) {
    const float step_size = steps.size, cone_angle = steps.cone_angle;
    if (cone_angle * target < step_size) {
        const float n = ceilf((target - t) / step_size - 0.5f);
        return n > 0.0f ? Reached{t + n * step_size, n} : Reached{t, 0.0f};
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
    const float log_growth = logf(grown) * cone_angle / (grown - 1.0f);  // exact for small angles too (Kahan)
    const float k = floorf(logf(target / t) / log_growth) - 1.0f;
    if (k > 8.0f) {  // a few steps are faster taken one by one
        t *= expf(k * log_growth);
        n += k;
    }
    return {t, n};
}

// Moves `t` to the first intervals whose middles are not before their targets; returns how many intervals it skipped.
WIDE_FN IntRow skip_to(Steps steps, Row& t, const Row target) {
    const Row zeros = {};
    Row n = ceil_of((target - t) / steps.size - 0.5f);
    n = n > zeros ? n : zeros;
    Row after = t + n * steps.size;
    if (any(steps.cone_angle * target >= zeros + steps.size))
        for (int j = 0; j < LANES; ++j)
            if (steps.cone_angle * lane(target, j) >= steps.size) {
                const Reached far = leap(steps, lane(t, j), lane(target, j));
                lane(after, j) = far.t;
                lane(n, j) = far.n;
            }
    t = after;
    IntRow passed = to_int(n < zeros + 1e9f ? n : zeros + 1e9f);
    for (Row pace = steps.at(t); any(t + 0.5f * pace < target); pace = steps.at(t)) {
        const auto before = t + 0.5f * pace < target;
        passed = before ? passed + 1 : passed;
        t = before ? t + pace : t;
    }
    return passed;
}

}  // namespace firstlight
