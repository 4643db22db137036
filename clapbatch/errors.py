"""The errors that clapbatch raises on purpose.

Each message is one sentence for a person: what, where, what to do. Only the command line turns an
error into words on a terminal and an exit code.
"""


class ClapbatchError(Exception):
    """Anything that clapbatch can explain. Every other exception is a defect."""


class UsageError(ClapbatchError):
    """The caller asked for something that cannot be: a missing file, an unknown name or option."""


class PluginError(ClapbatchError):
    """A plugin is missing, clashes with another, or broke its role's contract."""


class RecordingError(ClapbatchError):
    """A recording cannot be used: not readable, not decodable, empty, silent.

    Loaders raise it with the reason alone; the engine adds file, stage and plugin.
    """


class UnknownFormatError(RecordingError):
    """A loader does not know the format; another one may."""


class ModelError(ClapbatchError):
    """A model's files are missing, damaged, unsafe or of the wrong kind."""


class StoreError(ClapbatchError):
    """The embedding store cannot be opened, read or written."""
