// All rounds of a march in one launch, with densities of a hash grid and its network; see `core.kernels.fused_march`.
//
// A thread of the CPU takes a batch of rays at a time through march, network, upkeep and visibility, a thread on CUDA a
// single ray; everything but the kept samples stays in its cache.
#pragma once

#include "encoded_network.h"
#include "march.h"
#include "upkeep.h"
#include "visibility.h"

namespace firstlight {

// Outputs: the kept samples, in the order in which they are found.
struct KeptSamples {
    float *t_starts, *t_ends, *sigmas;
    int *ray_indices, *ranks;
    float* features;
};

// The rays of a fused march and what they have passed so far.
struct FusedRays {
    MarchedRays all;
    GridView grid;
    Steps steps;
    Thresholds thresholds;
    float* thickness;
    int *n_kept, *n_marched;
    int round_size;  // samples that a ray takes at a time, at most

    KERNEL_FN bool goes_on(int ray) const {
        const PassedRay passed{thickness[ray], 0};
        return all.t_nexts[ray] < FAR_AWAY && !passed.ends(thresholds);
    }

    KERNEL_FN int limit_of_round(int most) const { return round_size < most ? round_size : most; }

    KERNEL_FN float end_of(float t) const { return t + steps.at(t); }
};

// How densities are evaluated, and a thread's memory for the samples it works on, at most BATCH.
template <class Network, bool IN_TILES, bool KEEPS_FEATURES, int BATCH>
struct FusedBatch {
    static constexpr int N_OUT = Network::N_OUT, N_FLOATS = 5 + N_OUT;  // per sample

    Network network;
    float density_scale, steepness;
    float *seen, seen_step;  // null: the grid learns nothing
    float *starts, *positions, *sigmas, *features;
    int* counts;  // samples found, per ray of a round

    // Uses this memory: N_FLOATS * BATCH floats, and a count for each ray.
    KERNEL_FN void use(float* floats, int* ints) {
        starts = floats;
        positions = floats + BATCH;
        sigmas = floats + 4 * BATCH;
        features = floats + 5 * BATCH;
        counts = ints;
    }

    APART_FN void march_some(const FusedRays& rays, const int* going, int n_going, int limit) const {
        march(0, n_going, {going, limit, starts, counts}, rays.all, rays.grid, rays.steps);
    }

    APART_FN void evaluate_some(int first, int last) const {
        evaluate<IN_TILES>(network, first, last, positions, features);
    }

    APART_FN void observe_found(const FusedRays& rays, int n) const {
        observe(0, n, rays.grid, positions, sigmas, seen_step, seen);
    }

    // The positions of a ray's n samples, of which the first is the batch's i-th.
    KERNEL_FN void find_positions(const FusedRays& rays, int ray, const float* ray_starts, int i, int n) const {
        const float* o = rays.all.origins + 3 * (size_t)ray;
        const float* d = rays.all.directions + 3 * (size_t)ray;
        for (int k = 0; k < n; ++k) {
            const float middle = 0.5f * (ray_starts[k] + rays.end_of(ray_starts[k]));
            for (int axis = 0; axis < 3; ++axis) positions[3 * (i + k) + axis] = o[axis] + d[axis] * middle;
        }
    }

    // The densities of n samples; returns the ticks that they took.
    KERNEL_FN long long find_sigmas(int n) const {
        constexpr int AT_ONCE = LANES == 1 ? 1 : Network::RUN;
        const long long asked = ticks();
        for (int i = 0; i < n; i += AT_ONCE) evaluate_some(i, i + AT_ONCE < n ? i + AT_ONCE : n);
        for (int i = 0; i < n; ++i) sigmas[i] = density_scale * expf(steepness * features[N_OUT * i]);
        return ticks() - asked;
    }

    // Counts which of a ray's n samples are kept, at most `most`; the first is the batch's i-th. If `writes`, it also
    // writes these from `place` on, and updates what the ray has passed.
    KERNEL_FN int keep(
        const FusedRays& rays, const KeptSamples& kept, int ray, const float* ray_starts, int i, int n, int most,
        size_t place, bool writes) const {
        PassedRay passed{rays.thickness[ray], 0};
        const int rank = rays.n_kept[ray];
        int n_new = 0;
        for (int k = 0; k < n && !passed.ends(rays.thresholds); ++k) {
            const float t = ray_starts[k], end = rays.end_of(t), tau = sigmas[i + k] * (end - t);
            if (passed.pass(tau, rays.thresholds) != COMPOSITED || n_new >= most) continue;
            if (writes) {
                const size_t to = place + n_new;
                kept.t_starts[to] = t;
                kept.t_ends[to] = end;
                kept.sigmas[to] = sigmas[i + k];
                kept.ray_indices[to] = ray;
                kept.ranks[to] = rank + n_new;
                if constexpr (KEEPS_FEATURES)
                    for (int c = 0; c < N_OUT; ++c) kept.features[to * N_OUT + c] = features[N_OUT * (i + k) + c];
            }
            ++n_new;
        }
        if (writes) {
            rays.thickness[ray] = passed.thickness;
            rays.n_kept[ray] = rank + n_new;
            rays.n_marched[ray] += n;
        }
        return n_new;
    }
};

#ifdef FIRSTLIGHT_ONE_LANE

// Marches one ray. Places for kept samples are allotted in order of arrival. `counts`: see `fused_march`.
template <int BATCH, class Batch>
KERNEL_FN void march_part(
    Batch& batch, const FusedRays& rays, const KeptSamples& kept, int part, int n_parts, int n_rays, int* ray_indices,
    size_t room, long long* counts) {
    alignas(16) float floats[Batch::N_FLOATS * BATCH];
    int found[1];
    batch.use(floats, found);
    auto* totals = reinterpret_cast<unsigned long long*>(counts);
    const long long began = ticks();
    long long in_densities = 0;
    const int ray = ray_indices[part];
    bool fits = true;
    while (fits && rays.goes_on(ray)) {
        fits = *(volatile unsigned long long*)(totals + 3) < room;  // else what is found now couldn't be kept
        if (!fits) break;
        const float from = rays.all.t_nexts[ray];
        batch.march_some(rays, &ray, 1, rays.limit_of_round(BATCH));
        const int n = found[0];
        batch.find_positions(rays, ray, batch.starts, 0, n);
        in_densities += batch.find_sigmas(n);
        const int n_new = batch.keep(rays, kept, ray, batch.starts, 0, n, n, 0, false);
        const size_t place = n_new ? add_atomically(totals + 3, n_new) : 0;
        fits = place + n_new <= room;
        if (fits) {
            batch.keep(rays, kept, ray, batch.starts, 0, n, n_new, place, true);
            if (batch.seen) batch.observe_found(rays, n);
        } else
            rays.all.t_nexts[ray] = from;
    }
    if (!fits) add_atomically(totals, 1);
    if (part % 64 == 0) {  // the share of some rays represents that of all
        add_atomically(totals + 1, in_densities);
        add_atomically(totals + 2, ticks() - began);
    }
}

#else

// Marches the rays of a part. A ray takes at most a sixteenth of a batch in a round, so that the sixteen rays that
// march side by side share a batch.
template <int BATCH, class Batch>
WIDE_FN void march_part(
    Batch& batch, const FusedRays& rays, const KeptSamples& kept, int part, int n_parts, int n_rays, int* ray_indices,
    size_t room, long long* counts) {
    const int limit = rays.limit_of_round(BATCH / 16);
    const long long began = ticks();
    long long in_densities = 0;
    const int begin = (int)((long long)n_rays * part / n_parts);
    const int end = (int)((long long)n_rays * (part + 1) / n_parts);
    int* going = ray_indices + begin;
    int n_left = 0;
    for (int i = begin; i < end; ++i)  // those that miss the box would occupy lanes
        if (rays.goes_on(ray_indices[i])) going[n_left++] = ray_indices[i];
    size_t place = (size_t)part * room;
    const size_t last_place = place + room;
    bool is_full = false;
    while (n_left > 0 && !is_full) {
        int done = 0, n_on = 0;
        while (done < n_left) {
            const int n_going = BATCH / limit < n_left - done ? BATCH / limit : n_left - done;
            is_full = place + n_going * limit > last_place;
            if (is_full) break;
            batch.march_some(rays, going + done, n_going, limit);
            int n = 0;
            for (int s = 0; s < n_going; n += batch.counts[s++])
                batch.find_positions(rays, going[done + s], batch.starts + s * limit, n, batch.counts[s]);
            in_densities += batch.find_sigmas(n);
            if (batch.seen) batch.observe_found(rays, n);
            n = 0;
            for (int s = 0; s < n_going; n += batch.counts[s++]) {
                const int ray = going[done + s], n_of_ray = batch.counts[s];
                place += batch.keep(rays, kept, ray, batch.starts + s * limit, n, n_of_ray, n_of_ray, place, true);
                if (rays.goes_on(ray)) going[n_on++] = ray;
            }
            done += n_going;
        }
        for (; done < n_left; ++done) going[n_on++] = going[done];
        n_left = n_on;
    }
    counts[0] = n_left;
    counts[1] = in_densities;
    counts[2] = ticks() - began;
}

#endif

// Kernel: marches a part of `rays` while there is room for kept samples. Returns N_COUNTS numbers in `counts`, for each
// part, or on CUDA for all parts together: rays that must continue, because room ran out; ticks spent on densities;
// ticks in all; and, on CUDA only, how many places were requested.
template <
    int BATCH_ON_CPU, int BATCH_ON_CUDA, int N_COUNTS, int N_FLOATS, int RUN, int N_IN, int N_HIDDEN, int N_OUT,
    int N_FEATURES, bool IN_TILES, bool KEEPS_FEATURES, class Grid>
WIDE_FN void fused_march(
    int part, int n_parts, int round_size, int room, const Grid& grid, const wp::array_t<wp::vec3>& rays_o,
    const wp::array_t<wp::vec3>& rays_d, float step_size, float cone_angle, const wp::array_t<float>& t_maxs,
    const wp::array_t<float>& t_nexts, const wp::array_t<int>& rays, const wp::vec3& low, const wp::vec3& inverse_size,
    int contraction, const wp::mat33& axes, const wp::array_t<Level>& levels, const wp::array_t<int>& table,
    const wp::array_t<float>& hidden_weights, const wp::array_t<float>& output_weights, float density_scale,
    float steepness, const wp::array_t<float>& seen, float seen_step, float thinnest, float opaque,
    const wp::array_t<float>& thickness, const wp::array_t<int>& n_kept, const wp::array_t<int>& n_marched,
    const wp::array_t<float>& scratch_floats, const wp::array_t<int>& scratch_ints,
    const wp::array_t<wp::int64>& counts, const wp::array_t<float>& t_starts, const wp::array_t<float>& t_ends,
    const wp::array_t<float>& sigmas, const wp::array_t<int>& ray_indices, const wp::array_t<int>& ranks,
    const wp::array_t<float>& features) {
    constexpr int BATCH = LANES == 1 ? BATCH_ON_CUDA : BATCH_ON_CPU;
    typedef EncodedNetwork<RUN, N_IN, N_HIDDEN, N_OUT, N_FEATURES> Network;
    typedef FusedBatch<Network, IN_TILES, KEEPS_FEATURES, BATCH> Batch;
    static_assert(N_FLOATS == Batch::N_FLOATS, "the caller's scratch has another size");
    const FusedRays marched{
        {reinterpret_cast<const float*>(rays_o.data), reinterpret_cast<const float*>(rays_d.data), t_maxs.data,
         t_nexts.data},
        view_of(grid),
        {step_size, cone_angle},
        {thinnest, opaque},
        thickness.data,
        n_kept.data,
        n_marched.data,
        round_size};
    const KeptSamples kept{t_starts.data, t_ends.data, sigmas.data, ray_indices.data, ranks.data, features.data};
    Batch batch;
    batch.network = {
        {low, inverse_size, contraction, axes}, levels.data, table.data, hidden_weights.data, output_weights.data};
    batch.density_scale = density_scale;
    batch.steepness = steepness;
    batch.seen = seen.data;
    batch.seen_step = seen_step;
    long long* numbers = (long long*)counts.data;
#ifndef FIRSTLIGHT_ONE_LANE
    batch.use(scratch_floats.data + (size_t)part * Batch::N_FLOATS * BATCH, scratch_ints.data + (size_t)part * BATCH);
    numbers += N_COUNTS * part;
#endif
    march_part<BATCH>(batch, marched, kept, part, n_parts, rays.shape[0], rays.data, room, numbers);
}

}  // namespace firstlight
