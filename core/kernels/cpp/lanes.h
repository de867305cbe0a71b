// Rows: sixteen numbers side by side on a CPU, as many as a register of AVX-512 holds, and a single one on CUDA.
//
// A `Row` holds one number for each of LANES rays or samples. On CUDA, where each thread has a ray or a sample of its
// own, it is a float, and the compiler removes the loops over lanes: the same code serves both.
//
// FIRSTLIGHT_ONE_LANE selects the branches for CUDA, and tests define it to run these on the CPU. Only what CUDA's
// compiler alone understands (atomics, assembly, clocks) depends on __CUDA_ARCH__, see device.h.
#pragma once

#if defined(__CUDA_ARCH__) && !defined(FIRSTLIGHT_ONE_LANE)
#define FIRSTLIGHT_ONE_LANE
#endif

#if defined(__CUDA_ARCH__)
#define KERNEL_FN __device__ inline
#define WIDE_FN __device__ inline
#define APART_FN __device__ inline
#elif defined(FIRSTLIGHT_ONE_LANE)
#define KERNEL_FN inline
#define WIDE_FN inline
#define APART_FN inline
#else
// Without min_vector_width clang would split rows into vectors of 256 bits. Functions that would be inlined in the end
// are inlined at once, which saves the compiler from optimizing them twice; an APART_FN stays a call, so that it
// doesn't take registers from its callers, or is compiled only once: Warp calls each kernel's function in two loops.
#define KERNEL_FN __attribute__((always_inline)) inline
#define WIDE_FN __attribute__((always_inline, min_vector_width(512))) inline
#define APART_FN __attribute__((internal_linkage, noinline, min_vector_width(512))) inline
#endif

#ifdef __clang__
// Without AVX-512, compilers differ in how they pass vectors of 64 bytes. No call crosses modules, so it doesn't
// matter.
#pragma clang diagnostic ignored "-Wpsabi"
#endif

namespace firstlight {

#ifdef FIRSTLIGHT_ONE_LANE

constexpr int LANES = 1;
typedef float Row;
typedef unsigned UintRow;
typedef int IntRow;

KERNEL_FN Row floor_of(Row x) { return floorf(x); }
KERNEL_FN Row ceil_of(Row x) { return ceilf(x); }
KERNEL_FN Row sqrt_of(Row x) { return sqrtf(x); }
KERNEL_FN IntRow to_int(Row x) { return (int)x; }
KERNEL_FN Row to_float(IntRow x) { return (Row)x; }
KERNEL_FN Row multiply_add(Row a, Row b, Row sum) { return fmaf(a, b, sum); }
KERNEL_FN bool any(bool mask) { return mask; }

#else

constexpr int LANES = 16;
typedef float Row __attribute__((vector_size(4 * LANES)));
typedef unsigned UintRow __attribute__((vector_size(4 * LANES)));
typedef int IntRow __attribute__((vector_size(4 * LANES)));

WIDE_FN Row floor_of(Row x) { return __builtin_elementwise_floor(x); }
WIDE_FN Row ceil_of(Row x) { return __builtin_elementwise_ceil(x); }
WIDE_FN Row sqrt_of(Row x) { return __builtin_elementwise_sqrt(x); }
WIDE_FN IntRow to_int(Row x) { return __builtin_convertvector(x, IntRow); }
WIDE_FN Row to_float(IntRow x) { return __builtin_convertvector(x, Row); }
WIDE_FN Row multiply_add(Row a, Row b, Row sum) { return __builtin_elementwise_fma(a, b, sum); }
WIDE_FN bool any(IntRow mask) { return __builtin_reduce_or(mask) != 0; }

#endif

// The integers of as many bits and lanes as a kind of number: code that is a template serves both rows and single
// numbers.
template <class Number>
struct IntegersOfType;
template <>
struct IntegersOfType<Row> {
    typedef IntRow Type;
};
#ifndef FIRSTLIGHT_ONE_LANE
template <>
struct IntegersOfType<float> {
    typedef int Type;
};
KERNEL_FN int to_int(float x) { return (int)x; }
KERNEL_FN float to_float(int x) { return (float)x; }
KERNEL_FN bool any(bool mask) { return mask; }
#endif
template <class Number>
using IntegersOf = typename IntegersOfType<Number>::Type;

// A row whose lanes are all x. (A vector can't be constructed from a number, but a number can be added to one.)
WIDE_FN Row row_of(float x) { return Row{} + x; }

// One lane of a row, to read or to write.
KERNEL_FN float& lane(Row& row, int j) { return reinterpret_cast<float*>(&row)[j]; }
KERNEL_FN float lane(const Row& row, int j) { return reinterpret_cast<const float*>(&row)[j]; }
KERNEL_FN int& lane(IntRow& row, int j) { return reinterpret_cast<int*>(&row)[j]; }
KERNEL_FN int lane(const IntRow& row, int j) { return reinterpret_cast<const int*>(&row)[j]; }
KERNEL_FN unsigned lane(const UintRow& row, int j) { return reinterpret_cast<const unsigned*>(&row)[j]; }

}  // namespace firstlight
