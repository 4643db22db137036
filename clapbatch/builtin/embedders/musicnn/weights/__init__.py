"""The files that ship with the encoder, and their sha256 (a test holds them to it)."""

from __future__ import annotations

from pathlib import Path

from clapbatch.api import file_sha256

_FOLDER = Path(__file__).parent
MSD, MTT = _FOLDER / "MSD_musicnn.safetensors", _FOLDER / "MTT_musicnn.safetensors"
BACKGROUND = _FOLDER / "background.json"
ANCHORS = _FOLDER / "anchors.safetensors"

SHA256 = {
    MSD.name: "234c5af20a7ca89af6b4f2385286518352b61c7beb94f3ecc74bb7bf97f61bdc",
    MTT.name: "5a5163098e3779ad51f56addd05fc704952e009bcd5b72508f9e4305c285f74a",
    BACKGROUND.name: "4154eca62d9e840eb5cc65f5950eda296a535177b0ab9ade623ee36eb1e3fe06",
    ANCHORS.name: "457a3c2d51d53ae83ff31aa6ab9b9ef862b6dbd6e3bcedb59eec1efd6d4e6bea",
}


def sha256(name: str) -> str:
    """What the file's bytes are now."""
    return file_sha256(_FOLDER / name)
