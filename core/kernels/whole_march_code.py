"""The code of `core.kernels.whole_march`: the rounds of a march on the CPU, densities and all, written out for each
network.

It is put together from the codes of the march, the encoded network and the grid's upkeep: nothing of these is here.
"""

from core.kernels.encoded_network_code import RUN, evaluation_code
from core.kernels.grid import FAR_AWAY
from core.kernels.lanes import LANES_CODE
from core.kernels.march_code import CELLS_CODE, MARCH_CODE
from core.kernels.upkeep import OBSERVE_CODE

BATCH = 4096
"""Samples that are marched before their densities are asked for: with their features they stay in the cache."""

_MOST_OF_A_RAY = BATCH // 16
"""Samples that a ray takes at once at most: as many rays as march side by side share a batch."""

# Each piece is a function of its own, in which the names are those of its kernel's arguments.
_PIECES = """
    struct Floats { float* data; };
    struct Ints { int* data; };
    // of a counter that costs nothing to read, for shares of a launch's time only
#if defined(__x86_64__)
    auto ticks = []() { return (long long)__builtin_ia32_rdtsc(); };
#elif defined(__aarch64__)
    auto ticks = []() { return (long long)__builtin_arm_rsr64("cntvct_el0"); };  // Warp's compiler takes no assembly
#else
    auto ticks = []() { return 0ll; };
#endif
    float* room_of_floats = scratch_floats.data + (size_t)part * N_FLOATS;
    int* room_of_ints = scratch_ints.data + (size_t)part * BATCH;
    const Floats found_starts{room_of_floats}, found_positions{room_of_floats + BATCH};
    const Floats found_sigmas{room_of_floats + 4 * BATCH}, found_features{room_of_floats + 5 * BATCH};
    const Ints found_counts{room_of_ints};

    auto march = [&](int* going, int n_going, int limit) __attribute__((noinline)) {
        const int first = 0, last = n_going;
        const Ints rays{going}, counts = found_counts;
        const Floats starts = found_starts;
        MARCH
    };
    auto evaluate = [&](int first, int last) __attribute__((noinline)) {
        const Floats positions = found_positions, features = found_features;
        EVALUATE
    };
    auto observe = [&](int n) __attribute__((noinline)) {
        const int first = 0, last = n;
        const float step_size = seen_step;
        const Floats positions = found_positions, sigmas = found_sigmas;
        OBSERVE
    };
"""

_WALK = """
    const int begin = (int)((long long)rays.shape[0] * part / n_parts);
    const int n_given = (int)((long long)rays.shape[0] * (part + 1) / n_parts) - begin;
    int* going = rays.data + begin;
    int n_left = 0, n_found = 0;
    for (int s = 0; s < n_given; ++s)  // those that miss the box would take up lanes
        if (t_nexts.data[going[s]] < FAR_AWAY)
            going[n_left++] = going[s];
    auto end_of = [=](float t) {
        const float grown = cone_angle * t;
        return t + (grown > step_size ? grown : step_size);
    };
    const float* origins = reinterpret_cast<const float*>(rays_o.data);
    const float* directions = reinterpret_cast<const float*>(rays_d.data);
    const size_t kept = (size_t)part * room;
    const long long began = ticks();
    long long in_densities = 0;
    bool is_full = false;
    auto limit_of = [&](int ray) {  // a ray that goes on has taken all of its rounds in full, each twice the one before
        const int doubled = n_marched.data[ray] + round_size;
        return doubled < MOST_OF_A_RAY ? doubled : MOST_OF_A_RAY;
    };
    while (n_left > 0 && !is_full) {
        int done = 0, goes_on = 0;
        while (done < n_left) {
            const int limit = limit_of(going[done]);
            const int fit = BATCH / limit < n_left - done ? BATCH / limit : n_left - done;
            int n_going = 1;
            while (n_going < fit && limit_of(going[done + n_going]) == limit)
                ++n_going;
            is_full = n_found + n_going * limit > room;
            if (is_full)
                break;
            march(going + done, n_going, limit);
            int n = 0;
            for (int s = 0; s < n_going; ++s) {
                const int ray = going[done + s];
                const float* o = origins + 3 * (size_t)ray;
                const float* d = directions + 3 * (size_t)ray;
                for (int k = 0; k < found_counts.data[s]; ++k, ++n) {
                    const float t = found_starts.data[s * limit + k], middle = 0.5f * (t + end_of(t));
                    for (int axis = 0; axis < 3; ++axis)
                        found_positions.data[3 * n + axis] = o[axis] + d[axis] * middle;
                }
            }
            const long long asked = ticks();
            for (int i = 0; i < n; i += RUN_LENGTH)
                evaluate(i, i + RUN_LENGTH < n ? i + RUN_LENGTH : n);
            for (int i = 0; i < n; ++i)
                found_sigmas.data[i] = density_scale * expf(steepness * found_features.data[N_OUT * i]);
            in_densities += ticks() - asked;
            if (seen.data)
                observe(n);
            n = 0;
            for (int s = 0; s < n_going; ++s) {
                const int ray = going[done + s], n_of_ray = found_counts.data[s];
                float passed = thickness.data[ray];
                int rank = n_kept.data[ray];
                for (int k = 0; k < n_of_ray; ++k, ++n) {
                    const float t = found_starts.data[s * limit + k], end = end_of(t);
                    const float tau = found_sigmas.data[n] * (end - t);
                    if (passed > opaque)
                        continue;
                    if (!(tau < thinnest)) {
                        const size_t to = kept + n_found++;
                        t_starts.data[to] = t;
                        t_ends.data[to] = end;
                        sigmas.data[to] = found_sigmas.data[n];
                        ray_indices.data[to] = ray;
                        ranks.data[to] = rank++;
                        for (int c = 0; c < N_KEPT_FEATURES; ++c)
                            features.data[to * N_OUT + c] = found_features.data[N_OUT * n + c];
                    }
                    passed += tau;
                }
                thickness.data[ray] = passed;
                n_kept.data[ray] = rank;
                n_marched.data[ray] += n_of_ray;
                if (t_nexts.data[ray] < FAR_AWAY && !(passed > opaque))
                    going[goes_on++] = ray;
            }
            done += n_going;
        }
        for (; done < n_left; ++done)
            going[goes_on++] = going[done];
        n_left = goes_on;
    }
    for (int i = n_found; i < room; ++i)
        ranks.data[kept + i] = -1;  // nothing is there
    counts.data[3 * part] = n_left;
    counts.data[3 * part + 1] = in_densities;
    counts.data[3 * part + 2] = ticks() - began;
"""


def n_floats(n_out: int) -> int:
    """Floats of scratch that a thread needs."""
    return (5 + n_out) * BATCH


def whole_march_code(
    n_in: int, n_hidden: int, n_out: int, n_features: int, in_tiles: bool, keeps_features: bool
) -> str:
    """Marches a part of `rays` for as long as there is room for what is kept.

    Args:
        n_in, n_hidden, n_out, n_features, in_tiles: of `evaluation_code`.
        keeps_features: whether the network's outputs are kept beside the densities.
    """
    evaluation = evaluation_code(n_in, n_hidden, n_out, n_features, in_tiles)
    pieces = {"MARCH": MARCH_CODE, "EVALUATE": evaluation, "OBSERVE": LANES_CODE + CELLS_CODE + OBSERVE_CODE}
    code = _PIECES + _WALK
    for name, piece in pieces.items():
        code = code.replace(f"        {name}\n", piece)
    numbers = {"N_KEPT_FEATURES": n_out if keeps_features else 0, "N_OUT": n_out, "N_FLOATS": n_floats(n_out)}
    numbers |= {"MOST_OF_A_RAY": _MOST_OF_A_RAY, "BATCH": BATCH, "RUN_LENGTH": RUN, "FAR_AWAY": f"{FAR_AWAY:g}f"}
    for name, number in numbers.items():
        code = code.replace(name, str(number))
    return code
