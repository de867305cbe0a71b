// Products of small matrices in float32, in the CPU's vectors.
//
// `Vectors` here and `Tiles` in tiles.h have the same interface: a network (mlp.h) takes either as its template
// argument `Products`. Matrices are row-major, and each row is padded with zeros to whole vectors or tiles; ROWS rows
// go through a layer together, sixteen at a time.
#pragma once

#include "rows.h"

namespace firstlight {

// Rows that a thread takes at a time: a multiple of 32, the numbers in bfloat16 in a tile's row.
constexpr int ROWS = 64;

struct Vectors {
    typedef float Number;
    static constexpr int GRANULE = 16;  // rows are padded to a multiple of this

    // Vectors as wide as the processor's own.
#ifdef __AVX512F__
    static constexpr int WIDTH = 16;
    typedef Vec16f Vector;
#else
    static constexpr int WIDTH = 8;
    typedef float Vector __attribute__((vector_size(32), aligned(4)));
#endif

    // Before the first product, and after the last.
    static KERNEL_FN void begin() {}
    static KERNEL_FN void end() {}

    static WIDE_FN void put(Number* to, Vec16f x) { *(Vec16f*)to = x; }
    static WIDE_FN Vec16f get(const Number* from) { return *(const Vec16f*)from; }

    // The scratch, in words, for a packed second factor with so many rows and columns.
    static constexpr int packed_size(int n_rows, int n_columns) { return n_rows * up(n_columns, 16); }

    // A number of a packed second factor.
    static KERNEL_FN Number& packed_at(float* packed, int row, int column, int n_columns) {
        return packed[row * up(n_columns, 16) + column];
    }

    // sums (16, N_OUT) = a (16, N_IN) times packed b (N_IN, N_OUT); rows of `a` begin A_STRIDE numbers apart, those of
    // `sums` at multiples of 16, and are filled up with zeros if FILLS_UP.
    template <int N_IN, int N_OUT, int A_STRIDE, bool FILLS_UP>
    static WIDE_FN void product(const Number* a, const float* b, float* sums) {
        constexpr int N_COLUMNS = FILLS_UP || N_OUT > WIDTH ? up(N_OUT, 16) : WIDTH;
        sum_products<false, 16, N_IN, N_COLUMNS, up(N_OUT, 16), A_STRIDE, 1>(a, b, sums);
    }

    // to (N_OUT, N_IN) += g (ROWS, N_OUT) transposed times h (ROWS, N_IN); rows of `to` begin at multiples of 16.
    template <int N_OUT, int G_STRIDE, int N_IN, int H_STRIDE>
    static WIDE_FN void add_weight_gradients(const Number* g, const Number* h, float* to) {
        static_assert(H_STRIDE == up(N_IN, 16), "rows are filled up to whole vectors");
        sum_products<true, N_OUT, ROWS, up(N_IN, 16), up(N_IN, 16), 1, G_STRIDE>(g, h, to);
    }

private:
    // c (N_ROWS, N_COLUMNS) = or += a (N_ROWS, N_K) times b (N_K, N_COLUMNS). Rows of `b` and `c` begin WIDTH_OF_B
    // numbers apart; the offset of `a(r, k)` is r * ROW_STRIDE + k * K_STRIDE. As many sums as fit into registers are
    // computed at once, to hide the latency of additions.
    template <bool ADD, int N_ROWS, int N_K, int N_COLUMNS, int WIDTH_OF_B, int ROW_STRIDE, int K_STRIDE>
    static WIDE_FN void sum_products(const float* a, const float* b, float* c) {
        constexpr int WIDEST = N_COLUMNS % 64 == 0 ? 64 : N_COLUMNS % 48 == 0 ? 48 : N_COLUMNS % 32 == 0 ? 32 : 16;
        constexpr int AT_ONCE = WIDEST >= 48 ? 4 : WIDEST == 32 ? 8 : 16;
        constexpr int COLUMNS = WIDTH == 16 ? WIDEST : N_COLUMNS < 16 ? N_COLUMNS : 16, N = COLUMNS / WIDTH;
        constexpr int M = WIDTH == 16 ? AT_ONCE : 8 / N;
        for (int r = 0; r < up(N_ROWS, AT_ONCE); r += M)
            for (int column = 0; column < N_COLUMNS; column += COLUMNS) {
                Vector sums[M][N] = {};
                for (int k = 0; k < N_K; ++k) {
                    const Vector* row = (const Vector*)(b + k * WIDTH_OF_B + column);
#pragma unroll
                    for (int m = 0; m < M; ++m)
#pragma unroll
                        for (int v = 0; v < N; ++v)
                            sums[m][v] = __builtin_elementwise_fma(
                                a[(r + m) * ROW_STRIDE + k * K_STRIDE] - Vector{}, row[v], sums[m][v]);
                }
#pragma unroll
                for (int m = 0; m < M; ++m)
#pragma unroll
                    for (int v = 0; v < N; ++v) {
                        Vector& to = *(Vector*)(c + (r + m) * WIDTH_OF_B + column + v * WIDTH);
                        to = ADD ? to + sums[m][v] : sums[m][v];
                    }
            }
    }
};

}  // namespace firstlight
