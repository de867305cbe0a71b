"""The operations that Warp compiles for CPU and CUDA, one Python file each. Imports `config` and `geometry`; nothing
else in core imports Warp.
"""
