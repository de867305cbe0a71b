"""The types of kernels' arguments: for the type checker what a launch is given, for Warp what C++ takes.

`cpp_kernel` hands Warp what stands behind the first type. A tensor goes to C++ as a `wp::array_t` over its memory,
whose `data` is null if it has no elements.
"""

from typing import Annotated

import warp as wp
from torch import Tensor

Bool = Annotated[bool, wp.bool]
Int = Annotated[int, wp.int32]
Float = Annotated[float, wp.float32]
Vec3 = Annotated[wp.vec3f, wp.vec3f]
Mat33 = Annotated[wp.mat33f, wp.mat33f]

Bools = Annotated[Tensor, wp.array(dtype=wp.bool)]
Bytes = Annotated[Tensor, wp.array(dtype=wp.uint8)]
SignedBytes = Annotated[Tensor, wp.array(dtype=wp.int8)]
Ints = Annotated[Tensor, wp.array(dtype=wp.int32)]
LongInts = Annotated[Tensor, wp.array(dtype=wp.int64)]
Floats = Annotated[Tensor, wp.array(dtype=wp.float32)]
Vec3s = Annotated[Tensor, wp.array(dtype=wp.vec3f)]
Vec2is = Annotated[Tensor, wp.array(dtype=wp.vec2i)]
Vec4is = Annotated[Tensor, wp.array(dtype=wp.vec4i)]
Mat33s = Annotated[Tensor, wp.array(dtype=wp.mat33f)]
Mat44s = Annotated[Tensor, wp.array(dtype=wp.mat44f)]
