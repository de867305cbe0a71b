// Products of small matrices in bfloat16, summed in float32, by the CPU's matrix tiles (Intel's AMX).
//
// A tile has 16 rows of 64 bytes. It holds 16 rows of 32 numbers of a product's first factor, or 32 rows of 16 numbers
// of its second factor, whose rows are interleaved in pairs: a word's low half is a number, its high half the one in
// the next row. Tiles 0 to 3 hold sums, 4 the first factor, 5 to 7 the second in turn. See vectors.h for the interface.
#pragma once

#include "vectors.h"

#ifdef __AMX_BF16__

namespace firstlight {

struct Tiles {
    typedef __bf16 Number;
    static constexpr int GRANULE = 32;  // what is summed over fills whole tiles

    typedef __bf16 Vec16bf __attribute__((vector_size(32), aligned(2)));
    typedef unsigned short Vec16us __attribute__((vector_size(32), aligned(2)));

    // All tiles are 16 rows of 64 bytes.
    static KERNEL_FN void begin() {
        struct alignas(64) {
            unsigned char palette, start_row, reserved[14];
            unsigned short row_bytes[16];
            unsigned char rows[16];
        } config = {1};
        for (int tile = 0; tile < 8; ++tile) {
            config.row_bytes[tile] = 64;
            config.rows[tile] = 16;
        }
        __builtin_ia32_tile_loadconfig(&config);
    }
    static KERNEL_FN void end() { __builtin_ia32_tilerelease(); }

    static WIDE_FN void put(Number* to, Vec16f x) { *(Vec16bf*)to = __builtin_convertvector(x, Vec16bf); }
    static WIDE_FN Vec16f get(const Number* from) { return __builtin_convertvector(*(const Vec16bf*)from, Vec16f); }

    static constexpr int packed_size(int n_rows, int n_columns) { return up(n_rows, 32) * up(n_columns, 16) / 2; }

    static KERNEL_FN Number& packed_at(float* packed, int row, int column, int n_columns) {
        return ((Number*)packed)[2 * (row / 2 * up(n_columns, 16) + column) + row % 2];
    }

    template <int N_IN, int N_OUT, int A_STRIDE, bool FILLS_UP>
    static KERNEL_FN void product(const Number* a, const void* b, float* sums) {
        product_from<0, N_IN, up(N_OUT, 16), A_STRIDE>(a, (const unsigned*)b, sums);
    }

    template <int N_OUT, int G_STRIDE, int N_IN, int H_STRIDE>
    static WIDE_FN void add_weight_gradients(const Number* g, const Number* h, float* to) {
        constexpr int WIDTH = up(N_IN, 16);
        alignas(64) unsigned pairs[ROWS / 2 * WIDTH];
        for (int r = 0; r < ROWS / 2; ++r)
            for (int c = 0; c < WIDTH; c += 16)
                *(Vec16u*)(pairs + r * WIDTH + c) = joined(h + 2 * r * H_STRIDE + c, h + (2 * r + 1) * H_STRIDE + c);
        for (int o = 0; o < up(N_OUT, 16); o += 16) {
            alignas(64) Vec16u columns[ROWS / 2];
            for (int r = 0; r < ROWS / 2; ++r)
                columns[r] = joined(g + 2 * r * G_STRIDE + o, g + (2 * r + 1) * G_STRIDE + o);
            for (int r = 0; r < ROWS / 2; r += 16) transpose(columns + r);
            add_products_from<0, WIDTH>(columns, pairs, to + o * WIDTH);
        }
    }

private:
    // Interleaves two rows into words.
    static WIDE_FN Vec16u joined(const Number* low, const Number* high) {
        const Vec16u a = __builtin_convertvector(*(const Vec16us*)low, Vec16u);
        return a | __builtin_convertvector(*(const Vec16us*)high, Vec16u) << 16;
    }

    // How many tiles hold the sums of the columns from `c` on, at most four.
    static constexpr int tiles_from(int c, int width) { return width - c < 64 ? (width - c) / 16 : 4; }

    // sums (16, WIDTH), the columns from C on: four tiles, then the rest by recursion.
    template <int C, int N_IN, int WIDTH, int A_STRIDE>
    static KERNEL_FN void product_from(const Number* a, const unsigned* b, float* sums) {
        constexpr int N = tiles_from(C, WIDTH);
        clear<0, N>();
#pragma unroll
        for (int k = 0; k < N_IN; k += 32) {
            __builtin_ia32_tileloadd64(4, a + k, 2 * A_STRIDE);
            multiply<0, N>(b + k / 2 * WIDTH + C, 4 * WIDTH);
        }
        store<0, N>(sums + C, 4 * WIDTH);
        if constexpr (C + 64 < WIDTH) product_from<C + 64, N_IN, WIDTH, A_STRIDE>(a, b, sums);
    }

    // sums (16, WIDTH) += columns (16, ROWS) times pairs (ROWS, WIDTH), the columns from C on.
    template <int C, int WIDTH>
    static KERNEL_FN void add_products_from(const Vec16u* columns, const unsigned* pairs, float* sums) {
        constexpr int N = tiles_from(C, WIDTH);
        load<0, N>(sums + C, 4 * WIDTH);
#pragma unroll
        for (int part = 0; part < ROWS / 32; ++part) {
            __builtin_ia32_tileloadd64(4, columns + 16 * part, 64);
            multiply<0, N>(pairs + 16 * part * WIDTH + C, 4 * WIDTH);
        }
        store<0, N>(sums + C, 4 * WIDTH);
        if constexpr (C + 64 < WIDTH) add_products_from<C + 64, WIDTH>(columns, pairs, sums);
    }

    // An instruction names its tiles, so loops over tiles T to N - 1 are unrolled by templates. A tile is 16 columns
    // wide; rows in memory are `stride` bytes apart.
    template <int T, int N>
    static KERNEL_FN void clear() {
        if constexpr (T < N) {
            __builtin_ia32_tilezero(T);
            clear<T + 1, N>();
        }
    }

    template <int T, int N>
    static KERNEL_FN void load(const float* sums, int stride) {
        if constexpr (T < N) {
            __builtin_ia32_tileloadd64(T, sums + 16 * T, stride);
            load<T + 1, N>(sums, stride);
        }
    }

    template <int T, int N>
    static KERNEL_FN void multiply(const unsigned* b, int stride) {
        if constexpr (T < N) {
            __builtin_ia32_tileloadd64(5 + T % 3, b + 16 * T, stride);
            __builtin_ia32_tdpbf16ps(T, 4, 5 + T % 3);
            multiply<T + 1, N>(b, stride);
        }
    }

    template <int T, int N>
    static KERNEL_FN void store(float* sums, int stride) {
        if constexpr (T < N) {
            __builtin_ia32_tilestored64(T, sums + 16 * T, stride);
            store<T + 1, N>(sums, stride);
        }
    }
};

}  // namespace firstlight

#else

namespace firstlight {

struct Tiles;  // this processor has none

}  // namespace firstlight

#endif
