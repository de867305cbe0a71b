"""Runs a program on the pretended GPU: python -m tests.pretended_cuda run_viewer.py doctor"""

import runpy
import sys

from tests.pretended_cuda import device  # noqa: F401

sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
