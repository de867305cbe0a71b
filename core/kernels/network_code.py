"""The code of `core.kernels.network`: C++ for the CPU, written out for each network.

A layer's matrices: `h` goes in, `g` is the gradient of what comes out, both as `Number`, see `core.kernels.products`.
"""

from itertools import pairwise

from core.kernels.products import PRELUDE, ROWS, Tiles, Vectors, up


class NetworkCode:
    """Writes a network's code.

    Args:
        sizes: numbers that go into the first layer, and those that come out of each.

    Attributes:
        n_packed: words of scratch that a thread's packed weights take; packed_at: where each layer's begin, ahead and
            back by turns.
        n_gradients: floats that the weights' gradients take, each layer's (n_out, n_in) filled up to whole vectors;
            gradients_at: where each layer's begin.
    """

    def __init__(self, sizes: tuple[int, ...], products: Vectors | Tiles):
        self.sizes, self.products = sizes, products
        self.strides = [up(n, products.granule) for n in sizes]
        self.layers = range(len(sizes) - 1)
        packed, gradients = [0], [0]
        for n_in, n_out in pairwise(sizes):
            for size in products.packed_sizes(n_in, n_out):
                packed.append(packed[-1] + size)
            gradients.append(gradients[-1] + up(n_out, 16) * up(n_in, 16))
        self.packed_at, self.n_packed = packed, packed[-1]
        self.gradients_at, self.n_gradients = gradients, gradients[-1]

    def forward(self) -> str:
        """Body of a function that fills `outputs`."""
        *hidden, last = self.layers
        code = self._start(len(self.sizes) - 1) + self._loop() + self._take("h0", "inputs.data", 0) + self._blocks()
        code += "".join(self._layer(k) for k in hidden) + self._product_ahead(last)
        return code + self._each(self.sizes[-1], self._given("outputs", self.sizes[-1])) + "}}" + self.products.end

    def backward(self) -> str:
        """Body of a function that adds to `weight_grads` and, where `wants_inputs`, fills `input_grads`."""
        n_layers = len(self.layers)
        code = self._start(n_layers)
        for k in range(1, n_layers + 1):
            code += f"\n    alignas(64) Number g{k}[{ROWS} * {self.strides[k]}] = {{}};"
        code += f"\n    float* gradients = weight_grads.data + (size_t)part * {self.n_gradients};"
        code += self._loop() + self._take("h0", "inputs.data", 0) + self._take(f"g{n_layers}", "grads.data", n_layers)
        code += self._blocks() + "".join(self._layer(k) for k in self.layers[:-1]) + "}"
        for k in reversed(self.layers):
            code += self._layer_back(k)
        return code + "}" + self.products.end

    def _layer_back(self, k: int) -> str:
        (n_in, n_out), (h_stride, g_stride) = self.sizes[k : k + 2], self.strides[k : k + 2]
        g, h, to = f"g{k + 1}", f"h{k}", f"gradients + {self.gradients_at[k]}"
        code = "\n{" + self.products.weight_gradients(g, g_stride, n_out, h, h_stride, n_in, to) + "}"
        back, at = f"packed + {self.packed_at[2 * k + 1]}", f"(b + r) * {h_stride} + c"
        code += self._blocks("if (wants_inputs)" if k == 0 else "")
        code += self.products.product(f"{g} + b * {g_stride}", g_stride, n_out, back, n_in)
        masked = f"put(g{k} + {at}, got({h} + {at}) == 0.0f ? Row{{}} : x);"
        return code + self._each(n_in, masked if k else self._given("input_grads", n_in)) + "}"

    def _start(self, n_arrays: int) -> str:
        code = PRELUDE + self.products.prelude
        code += f"""
    const int n = inputs.shape[0] / {self.sizes[0]};
    const int first = (int)((long long)n * part / n_parts / {ROWS} * {ROWS});
    const int last = part + 1 < n_parts ? (int)((long long)n * (part + 1) / n_parts / {ROWS} * {ROWS}) : n;
    float* packed = scratch.data + (size_t)part * {self.n_packed};
    const float* weights = matrices.data;"""
        for k, (n_in, n_out) in enumerate(pairwise(self.sizes)):
            code += f"""
    for (int o = 0; o < {n_out}; ++o)
        for (int k = 0; k < {n_in}; ++k) {{
            float* ahead = packed + {self.packed_at[2 * k]};
            float* back = packed + {self.packed_at[2 * k + 1]};{self.products.pack(n_in, n_out)}
        }}
    weights += {n_in * n_out};"""
        widest = max(up(n, 16) for n in self.sizes)
        arrays = "".join(f"\n    alignas(64) Number h{k}[{ROWS} * {self.strides[k]}] = {{}};" for k in range(n_arrays))
        return code + arrays + f"\n    alignas(64) float sums[16 * {widest}];"

    def _loop(self) -> str:
        return f"\n    for (int i = first; i < last; i += {ROWS}) {{"

    def _blocks(self, condition: str = "") -> str:
        return f"\n        {condition} for (int b = 0; b < {ROWS}; b += 16) {{"

    def _take(self, to: str, source: str, k: int) -> str:
        n, stride = self.sizes[k], self.strides[k]
        return f"""
        for (int r = 0; r < {ROWS}; ++r)
            for (int c = 0; c < {up(n, 16)}; c += 16)
                put({to} + r * {stride} + c,
                    i + r < last ? some({source} + (size_t)(i + r) * {n} + c, {n} - c) : Row{{}});"""

    def _product_ahead(self, k: int) -> str:
        ahead, stride = f"packed + {self.packed_at[2 * k]}", self.strides[k]
        return self.products.product(f"h{k} + b * {stride}", stride, self.sizes[k], ahead, self.sizes[k + 1])

    def _layer(self, k: int) -> str:
        """What goes into the next layer; a sum that is no number stays so."""
        relu = f"put(h{k + 1} + (b + r) * {self.strides[k + 1]} + c, x < 0.0f ? Row{{}} : x);"
        return self._product_ahead(k) + self._each(self.sizes[k + 1], relu)

    def _each(self, n: int, do: str) -> str:
        """Does something with each vector `x` of the sums, that begins at row `b + r` and column `c`."""
        width = up(n, 16)
        return f"""
        for (int r = 0; r < 16; ++r)
            for (int c = 0; c < {width}; c += 16) {{
                const Row x = *(const Row*)(sums + r * {width} + c);
                {do}
            }}"""

    def _given(self, to: str, n: int) -> str:
        return f"if (i + b + r < last) give({to}.data + (size_t)(i + b + r) * {n} + c, x, {n} - c);"
