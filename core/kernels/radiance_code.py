"""C++ for what a radiance field's network knows besides products: exponentials, sigmoids, and a direction's harmonics
behind the features, sixteen samples side by side."""

from core.kernels.spherical_harmonics import harmonics_code

# exp(x) is 2 to a whole power times exp of at most half the logarithm of 2, by its series (Cody and Waite 1980). The
# power is multiplied in by halves: the largest one is no float of its own. What is no number must stay so.
SEEN_PRELUDE = (
    """
    typedef int Whole __attribute__((vector_size(64), aligned(4)));
    auto held = [](Row x, float low, float high) WIDE {
        x = x < low ? Row{} + low : x;
        return x > high ? Row{} + high : x;
    };
    auto exp_of = [=](Row x) WIDE {
        x = held(x, -105.0f, 90.0f);
        const Row power = __builtin_elementwise_floor(1.44269504f * x + 0.5f);
        const Row rest = x - power * 0.693359375f + power * 2.12194440e-4f;
        Row sum = Row{} + 1.0f / 720.0f;
        sum = sum * rest + 1.0f / 120.0f;
        sum = sum * rest + 1.0f / 24.0f;
        sum = sum * rest + 1.0f / 6.0f;
        sum = sum * rest + 0.5f;
        sum = sum * rest + 1.0f;
        sum = sum * rest + 1.0f;
        const Whole whole = __builtin_convertvector(power == power ? power : Row{}, Whole), half = whole / 2;
        return sum * (Row)((half + 127) << 23) * (Row)((whole - half + 127) << 23);
    };
    auto sigmoid_of = [=](Row x) WIDE { return 1.0f / (1.0f + exp_of(-x)); };
    auto slope_of = [](Row sigmoid) WIDE { return sigmoid * (1.0f - sigmoid); };
    auto harmonics_of = [](Row x, Row y, Row z, Row* harmonics) WIDE {
"""
    + harmonics_code("Row")
    + """
    };
"""
)

_SEEN = """
        {
            alignas(64) float direction[3][16] = {}, logarithms[16];
            for (int r = 0; r < 16 && i + b + r < last; ++r)
                for (int axis = 0; axis < 3; ++axis)
                    direction[axis][r] = directions.data[(size_t)(i + b + r) * 3 + axis];
            for (int r = 0; r < 16; ++r)
                logarithms[r] = sums[r * WIDTH];
            alignas(64) Words harmonics[16];
            harmonics_of(*(const Row*)direction[0], *(const Row*)direction[1], *(const Row*)direction[2],
                         (Row*)harmonics);
            transpose(harmonics);
            for (int r = 0; r < 16; ++r)
                put(BEHIND, (Row)harmonics[r]);
            const Row logarithm = steepness * *(const Row*)logarithms;
            DENSITY
        }
"""

SEEN_AHEAD = _SEEN.replace("DENSITY", "give(sigmas.data + i + b, scale * exp_of(logarithm), last - i - b);")
"""Puts the harmonics of sixteen directions behind the features in `sums`, and gives the densities."""

SEEN_BACK = _SEEN.replace(
    "DENSITY",
    """const Row slope = steepness * scale * exp_of(held(logarithm, -15.0f, 15.0f));
            *(Row*)(first_grads + b) = slope * some(sigma_grads.data + i + b, last - i - b);""",
)
"""Puts them there, and works out the gradients that the densities have for the first feature, held finite as
`core.fields.activations.truncated_exp` does."""
