// What the kernels of test_cpp.py do.
#pragma once

#include "lanes.h"

namespace firstlight {

KERNEL_FN void add_item(int i, float factor, const wp::array_t<float>& numbers, const wp::array_t<float>& sums) {
    sums.data[i] += factor * numbers.data[i] + (float)i;
}

KERNEL_FN void add_run(int first, int last, const wp::array_t<int>& begun) {
    for (int i = first; i < last; ++i) begun.data[i] += 1 + first;
}

KERNEL_FN void
add_run_of_row(int first, int last, int row, const wp::array_t<int>& numbers, const wp::array_t<int>& sums) {
    for (int i = first; i < last; ++i) sums.data[row * numbers.shape[0] + i] += 1000 * row + numbers.data[i];
}

template <int NUMBER>
KERNEL_FN void fill_with(int i, const wp::array_t<int>& numbers) {
    numbers.data[i] = NUMBER;
}

}  // namespace firstlight
