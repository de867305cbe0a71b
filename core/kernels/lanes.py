"""C++ that kernels share: on the CPU sixteen numbers side by side, on CUDA one.

A `Row` holds one value of as many things as the widest vectors have lanes for; on CUDA it is a number. AVX-512 must
be asked for, or rows are cut in halves.
"""

LANES_CODE = """
#ifdef __CUDA_ARCH__
    constexpr int LANES = 1;
    typedef float Row;
    typedef unsigned Entries;
    typedef int Whole;
    auto floor_of = [](Row x) { return floorf(x); };
    auto ceil_of = [](Row x) { return ceilf(x); };
    auto root_of = [](Row x) { return sqrtf(x); };
    auto whole = [](Row x) { return (Entries)(int)x; };
    auto real = [](Whole x) { return (Row)x; };
    auto multiply_add = [](Row a, Row b, Row sum) { return fmaf(a, b, sum); };
    auto any = [](bool mask) { return mask; };
#define WIDE
#else
    constexpr int LANES = 16;
    typedef float Row __attribute__((vector_size(64)));
    typedef unsigned Entries __attribute__((vector_size(64)));
    typedef int Whole __attribute__((vector_size(64)));
#define WIDE __attribute__((min_vector_width(512)))
    auto floor_of = [](Row x) WIDE { return __builtin_elementwise_floor(x); };
    auto ceil_of = [](Row x) WIDE { return __builtin_elementwise_ceil(x); };
    auto root_of = [](Row x) WIDE { return __builtin_elementwise_sqrt(x); };
    auto whole = [](Row x) WIDE { return (Entries)__builtin_convertvector(x, Whole); };
    auto real = [](Whole x) WIDE { return __builtin_convertvector(x, Row); };
    auto multiply_add = [](Row a, Row b, Row sum) WIDE { return __builtin_elementwise_fma(a, b, sum); };
    auto any = [](Whole mask) WIDE { return __builtin_reduce_or(mask) != 0; };
#endif
    auto lane = [](Row& row, int j) -> float& { return reinterpret_cast<float*>(&row)[j]; };
    const Row zeros = Row{};
"""
