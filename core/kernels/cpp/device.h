// Operations for which compilers for the CPU and for CUDA have different functions: atomics, bits of floats, a clock.
#pragma once

#include "lanes.h"

namespace firstlight {

#ifdef __CUDA_ARCH__

KERNEL_FN int bits_of(float x) { return __float_as_int(x); }
KERNEL_FN float float_of(unsigned bits) { return __uint_as_float(bits); }

// Adds to memory that other threads may add to at the same time.
KERNEL_FN void add_atomically(float* to, float x) { atomicAdd(to, x); }

// The same; returns the value before.
KERNEL_FN unsigned long long add_atomically(unsigned long long* to, unsigned long long n) { return atomicAdd(to, n); }

KERNEL_FN void max_atomically(int* to, int x) { atomicMax(to, x); }

// A cheap counter of cycles, of no fixed frequency: it measures shares of a launch's time only.
KERNEL_FN long long ticks() { return (long long)clock64(); }

#else

KERNEL_FN int bits_of(float x) {
    int bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}

KERNEL_FN float float_of(unsigned bits) {
    float x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}

// Not atomic: on the CPU the slices of a launch add to disjoint memory.
KERNEL_FN void add_atomically(float* to, float x) { *to += x; }

KERNEL_FN unsigned long long add_atomically(unsigned long long* to, unsigned long long n) {
    return __atomic_fetch_add(to, n, __ATOMIC_RELAXED);
}

KERNEL_FN void max_atomically(int* to, int x) { __atomic_fetch_max(to, x, __ATOMIC_RELAXED); }

KERNEL_FN long long ticks() {
#if defined(__x86_64__)
    return (long long)__builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    return (long long)__builtin_arm_rsr64("cntvct_el0");  // Warp's compiler takes no assembly
#else
    return 0;
#endif
}

#endif

}  // namespace firstlight
