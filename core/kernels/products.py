"""C++ for products of small matrices on the CPU: by vectors in float32, or in bfloat16 in matrix tiles.

`Number` is the products' number format; `sums` holds sixteen rows of a product in float32. Rows are filled up with
zeros to whole vectors or tiles.
"""

ROWS = 64
"""Rows that a thread takes at a time, a multiple of the 32 bfloat16 that a row of a tile holds."""

# Not the `Row` of `LANES_CODE`: a matrix's rows begin at any float, where to read what is said to be aligned may fault;
# and were that one's arrays not, each of its loads could cross from one line of the cache to the next.
# Sixteen rows are transposed by shuffling their halves into each other four times, like cards.
PRELUDE = """
#define WIDE __attribute__((min_vector_width(512)))
    typedef float Row __attribute__((vector_size(64), aligned(4)));
    typedef unsigned Words __attribute__((vector_size(64), aligned(4)));
    auto some = [](const float* from, int n) WIDE {
        Row x = {};
        if (n >= 16)
            x = *(const Row*)from;
        else
            for (int j = 0; j < n; ++j)
                x[j] = from[j];
        return x;
    };
    auto give = [](float* to, Row x, int n) WIDE {
        if (n >= 16)
            *(Row*)to = x;
        else
            for (int j = 0; j < n; ++j)
                to[j] = x[j];
    };
    auto transpose = [](Words* rows) WIDE {
        for (int turn = 0; turn < 4; ++turn) {
            Words mixed[16];
            for (int i = 0; i < 8; ++i) {
                mixed[2 * i] = __builtin_shufflevector(
                    rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
                mixed[2 * i + 1] = __builtin_shufflevector(
                    rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            }
            for (int i = 0; i < 16; ++i)
                rows[i] = mixed[i];
        }
    };
"""


class Vectors:
    """Products in float32: of the second factor's rows, vectors at a time, into as many sums as registers bear."""

    granule = 16  # columns that rows are filled up to
    end = ""
    prelude = """
#ifdef __AVX512F__
    constexpr int LANES = 16;
    typedef Row Vector;
#else
    constexpr int LANES = 8;
    typedef float Vector __attribute__((vector_size(32), aligned(4)));
#endif
    typedef float Number;
    auto put = [](Number* to, Row x) WIDE { *(Row*)to = x; };
    auto got = [](const Number* from) WIDE { return *(const Row*)from; };
    auto multiply_add = [](Vector a, Vector b, Vector sum) WIDE { return __builtin_elementwise_fma(a, b, sum); };
"""

    def packed_sizes(self, n_in: int, n_out: int) -> tuple[int, int]:
        """Words that a layer's weights take as second factors, of products ahead and back."""
        return n_in * up(n_out, 16), n_out * up(n_in, 16)

    def packed(self, packed: str, row: str, column: str, width: int) -> str:
        """The place of a second factor's number, of so many columns."""
        return f"({packed})[{row} * {up(width, 16)} + {column}]"

    def product(self, a: str, stride: int, n_in: int, b: str, n_out: int) -> str:
        """Sixteen rows of `a` times packed weights, into `sums`."""
        return self._product(f"({a})[(r + m) * {stride} + k]", n_in, b, 16, up(n_out, 16), "sums", "=")

    def weight_gradients(self, g: str, g_stride: int, n_out: int, h: str, h_stride: int, n_in: int, to: str) -> str:
        """Adds `g` transposed times `h`, over all rows."""
        return self._product(f"({g})[k * {g_stride} + r + m]", ROWS, h, n_out, up(n_in, 16), to, "+=")

    def _product(self, a: str, n_k: int, b: str, n_rows: int, width: int, c: str, assign: str) -> str:
        columns = next(n for n in (64, 48, 32, 16) if width % n == 0)
        at_once = {64: 4, 48: 4, 32: 8, 16: 16}[columns]
        return f"""
        for (int r = 0; r < {up(n_rows, at_once)}; r += (LANES == 16 ? {at_once} : 4))
            for (int c = 0; c < {width}; c += (LANES == 16 ? {columns} : 16)) {{
                constexpr int M = LANES == 16 ? {at_once} : 4, N = (LANES == 16 ? {columns} : 16) / LANES;
                Vector parts[M][N] = {{}};
                for (int k = 0; k < {n_k}; ++k) {{
                    const Vector* row = (const Vector*)(({b}) + k * {width} + c);
#pragma unroll
                    for (int m = 0; m < M; ++m)
#pragma unroll
                        for (int v = 0; v < N; ++v)
                            parts[m][v] = multiply_add({a} - Vector{{}}, row[v], parts[m][v]);
                }}
#pragma unroll
                for (int m = 0; m < M; ++m)
#pragma unroll
                    for (int v = 0; v < N; ++v)
                        *(Vector*)(({c}) + (r + m) * {width} + c + v * LANES) {assign} parts[m][v];
            }}"""


class Tiles:
    """Products of bfloat16, summed in float32, of tiles: 16 rows of 32 numbers times 32 rows of 16, of which the second
    factor's are stored two by two, a word of a number and the one below it."""

    granule = 32  # what is summed over fills whole tiles
    end = "__builtin_ia32_tilerelease();"
    prelude = """
    typedef __bf16 Number;
    typedef __bf16 Halves __attribute__((vector_size(32), aligned(2)));
    typedef unsigned short Shorts __attribute__((vector_size(32), aligned(2)));
    auto put = [](Number* to, Row x) WIDE { *(Halves*)to = __builtin_convertvector(x, Halves); };
    auto got = [](const Number* from) WIDE { return __builtin_convertvector(*(const Halves*)from, Row); };
    auto words = [](const Number* low, const Number* high) WIDE {
        const Words a = __builtin_convertvector(*(const Shorts*)low, Words);
        return a | __builtin_convertvector(*(const Shorts*)high, Words) << 16;
    };
    struct alignas(64) Shapes {
        unsigned char palette, start, reserved[14];
        unsigned short row_bytes[16];
        unsigned char rows[16];
    } shapes = {1};
    for (int tile = 0; tile < 8; ++tile) {
        shapes.row_bytes[tile] = 64;
        shapes.rows[tile] = 16;
    }
    __builtin_ia32_tile_loadconfig(&shapes);
"""

    def packed_sizes(self, n_in: int, n_out: int) -> tuple[int, int]:
        return up(n_in, 32) * up(n_out, 16) // 2, up(n_out, 32) * up(n_in, 16) // 2

    def packed(self, packed: str, row: str, column: str, width: int) -> str:
        return f"((Number*)({packed}))[2 * ({row} / 2 * {up(width, 16)} + {column}) + {row} % 2]"

    def product(self, a: str, stride: int, n_in: int, b: str, n_out: int) -> str:
        width = up(n_out, 16)
        code = ""
        for c in range(0, width, 64):
            tiles = range(min(4, (width - c) // 16))
            code += "".join(f"\n        __builtin_ia32_tilezero({t});" for t in tiles)
            for k in range(0, n_in, 32):
                code += f"\n        __builtin_ia32_tileloadd64(4, ({a}) + {k}, {2 * stride});"
                for t in tiles:
                    from_b = f"({b}) + {k // 2 * width + c + 16 * t}"
                    code += f"\n        __builtin_ia32_tileloadd64({5 + t % 3}, {from_b}, {4 * width});"
                    code += f"\n        __builtin_ia32_tdpbf16ps({t}, 4, {5 + t % 3});"
            code += "".join(
                f"\n        __builtin_ia32_tilestored64({t}, sums + {c + 16 * t}, {4 * width});" for t in tiles
            )
        return code

    def weight_gradients(self, g: str, g_stride: int, n_out: int, h: str, h_stride: int, n_in: int, to: str) -> str:
        width = up(n_in, 16)
        code = f"""
        alignas(64) unsigned pairs[{ROWS // 2} * {width}];
        for (int r = 0; r < {ROWS // 2}; ++r)
            for (int c = 0; c < {width}; c += 16)
                *(Words*)(pairs + r * {width} + c) =
                    words(({h}) + 2 * r * {h_stride} + c, ({h}) + (2 * r + 1) * {h_stride} + c);
        for (int o = 0; o < {up(n_out, 16)}; o += 16) {{
            alignas(64) Words columns[{ROWS // 2}];
            for (int r = 0; r < {ROWS // 2}; ++r)
                columns[r] = words(({g}) + 2 * r * {g_stride} + o, ({g}) + (2 * r + 1) * {g_stride} + o);
            for (int r = 0; r < {ROWS // 2}; r += 16)
                transpose(columns + r);
            float* sum = ({to}) + o * {width};"""
        for c in range(0, width, 64):
            tiles = range(min(4, (width - c) // 16))
            for t in tiles:
                code += f"""
            __builtin_ia32_tileloadd64({t}, sum + {c + 16 * t}, {4 * width});"""
            for part in range(ROWS // 32):
                code += f"""
            __builtin_ia32_tileloadd64(4, columns + {16 * part}, 64);"""
                for t in tiles:
                    code += f"""
            __builtin_ia32_tileloadd64({5 + t % 3}, pairs + {16 * part * width + c + 16 * t}, {4 * width});
            __builtin_ia32_tdpbf16ps({t}, 4, {5 + t % 3});"""
            for t in tiles:
                code += f"""
            __builtin_ia32_tilestored64({t}, sum + {c + 16 * t}, {4 * width});"""
        return code + "\n        }"


def up(n: int, multiple: int) -> int:
    """`n` filled up to a multiple."""
    return -(-n // multiple) * multiple
