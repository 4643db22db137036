"""clapbatch: finds, in a folder of music, what people describe in words."""

__version__ = "0.1.0"
