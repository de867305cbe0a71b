"""The code of `core.kernels.fused_march`: the rounds of a march, densities and all, written out for each network.

It is put together from the codes of the march, the encoded network and the grid's upkeep: nothing of these is here.
"""

from core.kernels.encoded_network_code import RUN, evaluation_code
from core.kernels.grid import FAR_AWAY
from core.kernels.lanes import LANES_CODE
from core.kernels.march_code import CELLS_CODE, MARCH_CODE
from core.kernels.upkeep import OBSERVE_CODE

BATCH = 4096
"""Samples that a thread of the CPU marches before their densities are asked for: with their features they stay in the
cache. A ray takes a sixteenth of them at once at most: as many rays as march side by side share a batch."""

_BATCH_ON_CUDA = 8
"""The same of a thread on CUDA, which has but one ray: they lie in memory of the thread's own."""

# Each piece is a function of its own, in which the names are those of its kernel's arguments.
_PIECES = """
    struct Floats { float* data; };
    struct Ints { int* data; };
    // of a counter that costs nothing to read, for shares of a launch's time only
#if defined(__CUDA_ARCH__)
    auto ticks = []() { return (long long)clock64(); };
#elif defined(__x86_64__)
    auto ticks = []() { return (long long)__builtin_ia32_rdtsc(); };
#elif defined(__aarch64__)
    auto ticks = []() { return (long long)__builtin_arm_rsr64("cntvct_el0"); };  // Warp's compiler takes no assembly
#else
    auto ticks = []() { return 0ll; };
#endif
#ifdef __CUDA_ARCH__
    constexpr int BATCH = BATCH_ON_CUDA, MOST_OF_A_RAY = BATCH, AT_ONCE = 1;
    alignas(16) float floats[N_FLOATS * BATCH];
    int ints[1];
#define APART
#else
    constexpr int BATCH = BATCH_ON_CPU, MOST_OF_A_RAY = BATCH / 16, AT_ONCE = RUN_LENGTH;
    float* floats = scratch_floats.data + (size_t)part * N_FLOATS * BATCH;
    int* ints = scratch_ints.data + (size_t)part * BATCH;
#define APART __attribute__((noinline))
#endif
    const Floats found_starts{floats}, found_positions{floats + BATCH}, found_sigmas{floats + 4 * BATCH};
    const Floats found_features{floats + 5 * BATCH};
    const Ints found_counts{ints};

    auto march = [&](int* going, int n_going, int limit) APART {
        const int first = 0, last = n_going;
        const Ints rays{going}, counts = found_counts;
        const Floats starts = found_starts;
        MARCH
    };
    auto evaluate = [&](int first, int last) APART {
        const Floats positions = found_positions, features = found_features;
        EVALUATE
    };
    auto observe = [&](int n) APART {
        const int first = 0, last = n;
        const float step_size = seen_step;
        const Floats positions = found_positions, sigmas = found_sigmas;
        OBSERVE
    };

    const float* origins = reinterpret_cast<const float*>(rays_o.data);
    const float* directions = reinterpret_cast<const float*>(rays_d.data);
    const long long began = ticks();
    long long in_densities = 0;
    auto end_of = [=](float t) {
        const float grown = cone_angle * t;
        return t + (grown > step_size ? grown : step_size);
    };
    auto goes_on = [&](int ray) { return t_nexts.data[ray] < FAR_AWAY && !(thickness.data[ray] > opaque); };
    auto limit_of = [&](int ray) {  // a ray that goes on has taken all of its rounds in full, each twice the one before
        const int doubled = n_marched.data[ray] + round_size;
        return doubled < MOST_OF_A_RAY ? doubled : MOST_OF_A_RAY;
    };
    // where a ray's samples lie, the first of which is the i-th
    auto find_positions = [&](int ray, const float* starts, int i, int n) {
        const float* o = origins + 3 * (size_t)ray;
        const float* d = directions + 3 * (size_t)ray;
        for (int k = 0; k < n; ++k) {
            const float middle = 0.5f * (starts[k] + end_of(starts[k]));
            for (int axis = 0; axis < 3; ++axis)
                found_positions.data[3 * (i + k) + axis] = o[axis] + d[axis] * middle;
        }
    };
    auto find_sigmas = [&](int n) {
        const long long asked = ticks();
        for (int i = 0; i < n; i += AT_ONCE)
            evaluate(i, i + AT_ONCE < n ? i + AT_ONCE : n);
        for (int i = 0; i < n; ++i)
            found_sigmas.data[i] = density_scale * expf(steepness * found_features.data[N_OUT * i]);
        in_densities += ticks() - asked;
    };
    // how many of a ray's samples are kept, `most` or fewer; where it `writes`, they go to a place and the ray has
    // passed them all
    auto keep = [&](int ray, const float* starts, int i, int n, int most, size_t place, bool writes) {
        float passed = thickness.data[ray];
        const int rank = n_kept.data[ray];
        int n_new = 0;
        for (int k = 0; k < n && !(passed > opaque); ++k) {
            const float t = starts[k], end = end_of(t), tau = found_sigmas.data[i + k] * (end - t);
            if (!(tau < thinnest) && n_new < most) {
                if (writes) {
                    const size_t to = place + n_new;
                    t_starts.data[to] = t;
                    t_ends.data[to] = end;
                    sigmas.data[to] = found_sigmas.data[i + k];
                    ray_indices.data[to] = ray;
                    ranks.data[to] = rank + n_new;
                    for (int c = 0; c < N_KEPT_FEATURES; ++c)
                        features.data[to * N_OUT + c] = found_features.data[N_OUT * (i + k) + c];
                }
                ++n_new;
            }
            passed += tau;
        }
        if (writes) {
            thickness.data[ray] = passed;
            n_kept.data[ray] = rank + n_new;
            n_marched.data[ray] += n;
        }
        return n_new;
    };
"""

_ON_CPU = """
    const int begin = (int)((long long)rays.shape[0] * part / n_parts);
    const int end = (int)((long long)rays.shape[0] * (part + 1) / n_parts);
    int* going = rays.data + begin;
    int n_left = 0;
    for (int i = begin; i < end; ++i)  // those that miss the box would take up lanes
        if (goes_on(rays.data[i]))
            going[n_left++] = rays.data[i];
    size_t place = (size_t)part * room;
    const size_t last_place = place + room;
    bool is_full = false;
    while (n_left > 0 && !is_full) {
        int done = 0, n_on = 0;
        while (done < n_left) {
            const int limit = limit_of(going[done]);
            const int fit = BATCH / limit < n_left - done ? BATCH / limit : n_left - done;
            int n_going = 1;
            while (n_going < fit && limit_of(going[done + n_going]) == limit)
                ++n_going;
            is_full = place + n_going * limit > last_place;
            if (is_full)
                break;
            march(going + done, n_going, limit);
            int n = 0;
            for (int s = 0; s < n_going; n += found_counts.data[s++])
                find_positions(going[done + s], found_starts.data + s * limit, n, found_counts.data[s]);
            find_sigmas(n);
            if (seen.data)
                observe(n);
            n = 0;
            for (int s = 0; s < n_going; n += found_counts.data[s++]) {
                const int ray = going[done + s];
                const int n_of_ray = found_counts.data[s];
                place += keep(ray, found_starts.data + s * limit, n, n_of_ray, n_of_ray, place, true);
                if (goes_on(ray))
                    going[n_on++] = ray;
            }
            done += n_going;
        }
        for (; done < n_left; ++done)
            going[n_on++] = going[done];
        n_left = n_on;
    }
    counts.data[N_COUNTS * part] = n_left;
    counts.data[N_COUNTS * part + 1] = in_densities;
    counts.data[N_COUNTS * part + 2] = ticks() - began;
"""

# A part is a single ray here. Places for what is kept are given out to whoever comes first.
_ON_CUDA = """
    auto* told = reinterpret_cast<unsigned long long*>(counts.data);
    auto add = [&](int i, long long n) { return atomicAdd(told + i, (unsigned long long)n); };
    int going[1] = {rays.data[part]};
    const int ray = going[0];
    bool fits = true;
    while (fits && goes_on(ray)) {
        fits = *(volatile unsigned long long*)(told + 3) < room;  // or what is found now is found in vain
        if (!fits)
            break;
        const float from = t_nexts.data[ray];
        march(going, 1, limit_of(ray));
        const int n = found_counts.data[0];
        find_positions(ray, found_starts.data, 0, n);
        find_sigmas(n);
        const int n_new = keep(ray, found_starts.data, 0, n, n, 0, false);
        const size_t place = n_new ? add(3, n_new) : 0;
        fits = place + n_new <= room;
        if (fits) {
            keep(ray, found_starts.data, 0, n, n_new, place, true);
            if (seen.data)
                observe(n);
        } else
            t_nexts.data[ray] = from;
    }
    if (!fits)
        add(0, 1);
    if (part % 64 == 0) {  // for shares, some will do
        add(1, in_densities);
        add(2, ticks() - began);
    }
"""

N_COUNTS = 4
"""Numbers that a part of a launch tells: rays that must go on though there was no room left for what they keep; ticks
spent on densities, and in all; and on CUDA, where all parts tell them together, how many places were asked for."""


def n_floats(n_out: int) -> int:
    """Floats of scratch that a thread of the CPU needs."""
    return _floats_of_a_sample(n_out) * BATCH


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
    code = f"{_PIECES}#ifdef __CUDA_ARCH__{_ON_CUDA}#else{_ON_CPU}#endif\n"
    for name, piece in pieces.items():
        code = code.replace(f"        {name}\n", piece)
    numbers = {"N_KEPT_FEATURES": n_out if keeps_features else 0, "N_OUT": n_out, "N_COUNTS": N_COUNTS}
    numbers |= {"N_FLOATS": _floats_of_a_sample(n_out), "BATCH_ON_CUDA": _BATCH_ON_CUDA, "BATCH_ON_CPU": BATCH}
    numbers |= {"RUN_LENGTH": RUN, "FAR_AWAY": f"{FAR_AWAY:g}f"}
    for name, number in numbers.items():
        code = code.replace(name, str(number))
    return code


def _floats_of_a_sample(n_out: int) -> int:
    """Its start, its place, its density and its features."""
    return 5 + n_out
