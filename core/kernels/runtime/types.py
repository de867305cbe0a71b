"""Types of kernel arguments: the first type of each is what a launch takes, for the type checker; the second is Warp's.

`cpp_kernel` passes the second one to Warp. C++ receives a tensor as a `wp::array_t` over its memory, whose `data` is
null if the tensor is empty.
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
Bools4 = Annotated[Tensor, wp.array4d(dtype=wp.bool)]
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
