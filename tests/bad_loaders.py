"""A plugin for tests: loaders that misbehave."""

from __future__ import annotations

import os
import time

import numpy as np

from clapbatch.api import LoaderSpec, hookimpl


class Hanging:
    """Gives one block and then nothing, for ever."""

    def blocks(self, track, needs):
        yield np.ones(needs.rate, np.float32)
        time.sleep(3600)


class HangingForAll(Hanging):
    """The same for several encoders at once."""

    def blocks_for(self, track, needs):
        for which, need in enumerate(needs):
            yield which, np.ones(need.rate, np.float32)
        time.sleep(3600)


class Writing:
    """Writes to the very file that it reads."""

    def blocks(self, track, needs):
        yield np.ones(needs.rate, np.float32)
        with open(track.path, "ab") as file:
            file.write(b"more")


class Vanishing:
    """Removes the very file that it reads."""

    def blocks(self, track, needs):
        yield np.ones(needs.rate, np.float32)
        os.unlink(track.path)


class Crashing:
    """Takes its process with it, but only for one song."""

    def blocks(self, track, needs):
        yield np.ones(needs.rate, np.float32)
        if track.name == "a110.wav":
            os._exit(7)


class Printing:
    """Says something on standard output, as some libraries do."""

    def blocks(self, track, needs):
        print("hello from the loader", flush=True)
        os.write(1, b"and from its library")
        yield np.ones(needs.rate, np.float32)


class OddError(Exception):
    def __init__(self, two, arguments):
        super().__init__("an error that cannot be sent")


class RaisingOdd:
    def blocks(self, track, needs):
        raise OddError(1, 2)


class Raising:
    def blocks(self, track, needs):
        raise KeyError("no such thing")


@hookimpl
def register_loaders():
    return [
        LoaderSpec(
            name=name,
            version="1",
            summary="misbehaves",
            make=lambda options, loader=loader: loader(),
            suffixes=(".wav",),
        )
        for name, loader in (
            ("crashing", Crashing),
            ("hanging", Hanging),
            ("hanging-for-all", HangingForAll),
            ("printing", Printing),
            ("raising", Raising),
            ("raising-odd", RaisingOdd),
            ("vanishing", Vanishing),
            ("writing", Writing),
        )
    ]
