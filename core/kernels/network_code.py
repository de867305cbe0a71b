"""The code of `core.kernels.network` and `core.kernels.radiance`: C++ for the CPU, written out for each network.

A layer's matrices: `h` goes in, `g` is the gradient of what comes out, both as `Number`, see `core.kernels.products`.
The gradient of what a layer gives takes the place of what the next one got: nobody asks for that any more.
"""

from core.kernels.products import PRELUDE, ROWS, Tiles, Vectors, up
from core.kernels.radiance_code import SEEN_AHEAD, SEEN_BACK, SEEN_PRELUDE
from core.kernels.spherical_harmonics import N_HARMONICS


class NetworkCode:
    """Writes a network's code.

    Args:
        sizes: numbers that go into the first layer, and those that come out of each.
        junction: the layer that gets the harmonics of a direction behind what the one before gives; the first number
            of that is a density's logarithm, and what comes out in the end are colours. 0: there is none.

    Attributes:
        shapes: numbers that go into each layer, and that come out.
        n_packed: words of scratch that a thread's packed weights take; packed_at: where each layer's begin, ahead and
            back by turns.
        n_gradients: floats that the weights' gradients take, each layer's (n_out, n_in) filled up to whole vectors;
            gradients_at: where each layer's begin.
    """

    def __init__(self, sizes: tuple[int, ...], products: Vectors | Tiles, junction: int = 0):
        self.sizes, self.products, self.junction = sizes, products, junction
        self.layers = range(len(sizes) - 1)
        self.n_in = [n + N_HARMONICS * (junction > 0 and k == junction) for k, n in enumerate(sizes)]
        self.shapes = list(zip(self.n_in[:-1], sizes[1:], strict=True))
        self.strides = [up(n, products.granule) for n in self.n_in]
        packed, gradients = [0], [0]
        for n_in, n_out in self.shapes:
            for size in products.packed_sizes(n_in, n_out):
                packed.append(packed[-1] + size)
            gradients.append(gradients[-1] + up(n_out, 16) * up(n_in, 16))
        self.packed_at, self.n_packed = packed, packed[-1]
        self.gradients_at, self.n_gradients = gradients, gradients[-1]

    def forward(self) -> str:
        """Body of a function that fills `outputs`, and `sigmas` where there is a junction."""
        *hidden, last = self.layers
        code = self._start(backward=False) + self._loop() + self._take("h0", "inputs.data", 0)
        code += "".join(self._layer(k, SEEN_AHEAD) for k in hidden) + self._blocks() + self._product_ahead(last)
        code += self._colors() if self.junction else self._each(self.sizes[-1], self._given("outputs", self.sizes[-1]))
        return code + "}}" + self.products.end

    def backward(self) -> str:
        """Body of a function that adds to `weight_grads` and, where `wants_inputs`, fills `input_grads`."""
        n_layers = len(self.layers)
        code = self._start(backward=True)
        code += f"\n    alignas(64) Number h{n_layers}[{ROWS} * {self.strides[-1]}] = {{}};"
        code += f"\n    alignas(64) float first_grads[{ROWS}];" if self.junction else ""
        code += f"\n    float* gradients = weight_grads.data + (size_t)part * {self.n_gradients};"
        code += self._loop() + self._take("h0", "inputs.data", 0)
        if self.junction:
            code += self._take_color_grads()
        else:
            code += self._take(f"h{n_layers}", "grads.data", n_layers)
        code += "".join(self._layer(k, SEEN_BACK) for k in self.layers[:-1])
        for k in reversed(self.layers):
            code += self._layer_back(k)
        return code + "}" + self.products.end

    def _layer_back(self, k: int) -> str:
        (n_in, n_out), (h_stride, g_stride) = self.shapes[k], self.strides[k : k + 2]
        g, h, to = f"h{k + 1}", f"h{k}", f"gradients + {self.gradients_at[k]}"
        code = "\n{" + self.products.weight_gradients(g, g_stride, n_out, h, h_stride, n_in, to) + "}"
        at = f"{h} + (b + r) * {h_stride} + c"
        code += self._blocks("if (wants_inputs)" if k == 0 else "")
        code += self.products.product(f"{g} + b * {g_stride}", g_stride, n_out, self._packed(k, 1), n_in)
        if k == 0:
            given = self._given("input_grads", n_in)
        elif k == self.junction:
            given = f"put({at}, c ? x : x + Row{{first_grads[b + r]}});"
        else:
            given = f"put({at}, got({at}) == 0.0f ? Row{{}} : x);"
        return code + self._each(n_in, given) + "}"

    def _packed(self, k: int, is_back: int) -> str:
        return f"packed + {self.packed_at[2 * k + is_back]}"

    def _start(self, backward: bool) -> str:
        code = PRELUDE + self.products.prelude + (SEEN_PRELUDE if self.junction else "")
        code += f"""
    const int n = inputs.shape[0] / {self.sizes[0]};
    const int first = (int)((long long)n * part / n_parts / {ROWS} * {ROWS});
    const int last = part + 1 < n_parts ? (int)((long long)n * (part + 1) / n_parts / {ROWS} * {ROWS}) : n;
    float* packed = scratch.data + (size_t)part * {self.n_packed};
    const float* weights = matrices.data;"""
        for k, (n_in, n_out) in enumerate(self.shapes):
            code += f"""
    for (int o = 0; o < {n_out}; ++o)
        for (int k = 0; k < {n_in}; ++k)
            {self.products.packed(self._packed(k, 0), "k", "o", n_out)} = (Number)weights[o * {n_in} + k];"""
            if backward:  # harmonics want no gradient
                code += f"""
    for (int o = 0; o < {n_out}; ++o)
        for (int k = 0; k < {self.sizes[k]}; ++k)
            {self.products.packed(self._packed(k, 1), "o", "k", n_in)} = (Number)weights[o * {n_in} + k];"""
            code += f"""
    weights += {n_in * n_out};"""
        widest = max(up(n, 16) for n in (*self.n_in, *self.sizes))
        for k in self.layers:
            code += f"\n    alignas(64) Number h{k}[{ROWS} * {self.strides[k]}] = {{}};"
        return code + f"\n    alignas(64) float sums[16 * {widest}];"

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

    def _colors(self) -> str:
        """Sigmoids of the sums, all of sixteen rows one behind the other, as they are given."""
        n = self.sizes[-1]
        return f"""
        alignas(64) float rgbs[16 * {n}];
        for (int r = 0; r < 16; ++r)
            for (int c = 0; c < {n}; ++c)
                rgbs[r * {n} + c] = sums[r * {up(n, 16)} + c];
        for (int c = 0; c < 16 * {n}; c += 16) {{
            float* to = outputs.data + (size_t)(i + b) * {n} + c;
            give(to, sigmoid_of(*(const Row*)(rgbs + c)), (last - i - b) * {n} - c);
        }}"""

    def _take_color_grads(self) -> str:
        """What the last layer's sums have for gradients: those of their sigmoids times their slopes."""
        n, k = self.sizes[-1], len(self.layers)
        return f"""
        alignas(64) float rgb_grads[{ROWS} * {n}];
        for (int c = 0; c < {ROWS} * {n}; c += 16) {{
            const size_t at = (size_t)i * {n} + c;
            const int left = (last - i) * {n} - c;
            *(Row*)(rgb_grads + c) = slope_of(some(outputs.data + at, left)) * some(grads.data + at, left);
        }}
        for (int r = 0; r < {ROWS}; ++r)
            for (int c = 0; c < {n}; ++c)
                h{k}[r * {self.strides[k]} + c] = (Number)rgb_grads[r * {n} + c];"""

    def _product_ahead(self, k: int) -> str:
        stride, (n_in, n_out) = self.strides[k], self.shapes[k]
        return self.products.product(f"h{k} + b * {stride}", stride, n_in, self._packed(k, 0), n_out)

    def _layer(self, k: int, seen: str) -> str:
        """What goes into the next layer; a sum that is no number stays so. Sixteen rows wait for none of the others."""
        to, n = f"h{k + 1} + (b + r) * {self.strides[k + 1]}", self.sizes[k + 1]
        code = self._blocks() + self._product_ahead(k)
        if k + 1 != self.junction:
            return code + self._each(n, f"put({to} + c, x < 0.0f ? Row{{}} : x);") + "}"
        code += self._each(n, f"put({to} + c, x);")
        return code + seen.replace("WIDTH", str(up(n, 16))).replace("BEHIND", f"{to} + {n}") + "}"

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
