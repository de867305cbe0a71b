#!/usr/bin/env python3
"""Firstlight: watch a radiance field come alive. This file is the command line, nothing else.

What a command needs is imported when it runs, so that help and mistakes are answered at once.
"""

import os
import sys
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Annotated, Any

import tyro

from core.config.registry import MethodRegistry, Registry
from core.errors import FirstlightError
from core.fields import FIELDS
from core.process import configure
from core.samplers import SAMPLERS

COMMANDS: Registry[type] = Registry("COMMAND")
COMMANDS.register("view", "viewer.command_line.view")
COMMANDS.register("train", "core.command_line.train")
COMMANDS.register("render", "viewer.command_line.render")
COMMANDS.register("video", "viewer.command_line.video")
COMMANDS.register("sweep", "core.command_line.sweep")
COMMANDS.register("compare", "core.command_line.compare")
COMMANDS.register("check", "core.command_line.check")
COMMANDS.register("bench", "core.command_line.bench")
COMMANDS.register("doctor", "core.command_line.doctor")


def parse(arguments: Sequence[str]) -> Any:
    """The command in the arguments; a first word that is no command's name is a dataset for the window.

    Fields and samplers have flags too, and their modules take seconds to import: they are imported where an argument
    is none of the other flags. Help shows the flags of those that it is asked about, as in --field ngp --help.

    Raises:
        SystemExit: with code 2 after a mistake, with 0 after help.
    """
    if not arguments or arguments[0] not in (*COMMANDS, "-h", "--help"):
        arguments = ["view", *arguments]
    if arguments[0] in ("view", "train"):
        if {"-h", "--help"}.isdisjoint(arguments):
            command, unknown = _parsed(arguments, return_unknown_args=True)
            if not unknown:
                return command
            FIELDS.load()
            SAMPLERS.load()
        else:
            _load_named(FIELDS, "--field", arguments)
            _load_named(SAMPLERS, "--sampler", arguments)
    return _parsed(arguments)


def _load_named(kinds: MethodRegistry, flag: str, arguments: Sequence[str]) -> None:
    """Import the field or sampler that a flag names, if it does."""
    words = [part for word in arguments for part in word.split("=", 1)]
    for before, name in pairwise(words):
        if before == flag and name in kinds:
            kinds.named(name)


def _parsed(arguments: Sequence[str], **how: Any) -> Any:
    commands: list[Any] = [Annotated[command, tyro.conf.subcommand(name)] for name, command in COMMANDS.items()]
    return tyro.cli(
        reduce(or_, commands),
        prog="run_viewer.py",
        description="Train a radiance field and watch it come alive. Without a command: the window.",
        args=arguments,
        default=COMMANDS["view"](),
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.EnumChoicesFromValues),
        **how,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, or 2 after a mistake, which is explained in one line."""
    try:
        configure()  # nothing has imported torch yet
        return parse(sys.argv[1:] if arguments is None else arguments).run()
    except (FirstlightError, ValueError, OSError) as error:
        print(f"run_viewer.py: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        from core.kernels.runtime.device import gpu_is_lost  # torch is loaded: its errors are such
        from core.kernels.runtime.gpu_memory import explained

        told = explained(error)
        if told is error and not gpu_is_lost(error):
            raise
        if told is error:
            told = f"the GPU no longer answers ({' '.join(str(error).split())}): try again, or run with --device cpu"
        print(f"run_viewer.py: {told}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is written. A normal exit would take another second to unload torch, and would crash if a worker were
    # still inside a slow step.
    os._exit(code)
