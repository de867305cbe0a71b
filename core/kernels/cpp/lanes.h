// Numbers side by side: as many as a vector register of the CPU holds, a single one on CUDA.
//
// A `Row` holds one value of LANES things. The same code then serves both: on CUDA, where every thread has its own
// thing, a row is a float and the compiler sees through the loops over lanes.
//
// FIRSTLIGHT_ONE_LANE selects what is written for CUDA. Tests define it to run those branches on the CPU; what only
// CUDA's compiler understands (atomics, assembly, clocks) asks for __CUDA_ARCH__ instead, see device.h.
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
// AVX-512 must be asked for, or rows are cut in halves. What would be inlined anyway is inlined at once, or the
// compiler optimizes it twice; APART_FN stays a call, so that callers keep their registers.
#define KERNEL_FN __attribute__((always_inline)) inline
#define WIDE_FN __attribute__((always_inline, min_vector_width(512))) inline
#define APART_FN __attribute__((internal_linkage, noinline, min_vector_width(512))) inline
#endif

#ifdef __clang__
// Without AVX-512, how a vector of 64 bytes is passed differs between compilers: all calls lie within one module.
#pragma clang diagnostic ignored "-Wpsabi"
#endif

namespace firstlight {

#ifdef FIRSTLIGHT_ONE_LANE

constexpr int LANES = 1;
typedef float Row;
typedef unsigned Entries;
typedef int Whole;

KERNEL_FN Row floor_of(Row x) { return floorf(x); }
KERNEL_FN Row ceil_of(Row x) { return ceilf(x); }
KERNEL_FN Row root_of(Row x) { return sqrtf(x); }
KERNEL_FN Entries whole(Row x) { return (Entries)(int)x; }
KERNEL_FN Row real(Whole x) { return (Row)x; }
KERNEL_FN Row multiply_add(Row a, Row b, Row sum) { return fmaf(a, b, sum); }
KERNEL_FN bool any(bool mask) { return mask; }

#else

constexpr int LANES = 16;
typedef float Row __attribute__((vector_size(4 * LANES)));
typedef unsigned Entries __attribute__((vector_size(4 * LANES)));
typedef int Whole __attribute__((vector_size(4 * LANES)));

WIDE_FN Row floor_of(Row x) { return __builtin_elementwise_floor(x); }
WIDE_FN Row ceil_of(Row x) { return __builtin_elementwise_ceil(x); }
WIDE_FN Row root_of(Row x) { return __builtin_elementwise_sqrt(x); }
WIDE_FN Entries whole(Row x) { return (Entries) __builtin_convertvector(x, Whole); }
WIDE_FN Row real(Whole x) { return __builtin_convertvector(x, Row); }
WIDE_FN Row multiply_add(Row a, Row b, Row sum) { return __builtin_elementwise_fma(a, b, sum); }
WIDE_FN bool any(Whole mask) { return __builtin_reduce_or(mask) != 0; }

#endif

// The integers beside a kind of number: what is written for either serves rows and single numbers.
template <class Number>
struct WholeBeside;
template <>
struct WholeBeside<Row> {
    typedef Whole Type;
};
#ifndef FIRSTLIGHT_ONE_LANE
template <>
struct WholeBeside<float> {
    typedef int Type;
};
KERNEL_FN int whole(float x) { return (int)x; }
KERNEL_FN float real(int x) { return (float)x; }
KERNEL_FN bool any(bool mask) { return mask; }
#endif

// A row of one number. (A vector can't be made of a number, but a number can be added to it.)
WIDE_FN Row row_of(float x) { return Row{} + x; }

// One lane of a row, to read or to write.
KERNEL_FN float& lane(Row& row, int j) { return reinterpret_cast<float*>(&row)[j]; }
KERNEL_FN float lane(const Row& row, int j) { return reinterpret_cast<const float*>(&row)[j]; }
KERNEL_FN int& number(Whole& row, int j) { return reinterpret_cast<int*>(&row)[j]; }
KERNEL_FN int number(const Whole& row, int j) { return reinterpret_cast<const int*>(&row)[j]; }

}  // namespace firstlight
