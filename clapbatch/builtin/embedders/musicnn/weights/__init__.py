"""The files that ship with the encoder, and their sha256 (a test holds them to it)."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent
MSD, MTT = _FOLDER / "MSD_musicnn.safetensors", _FOLDER / "MTT_musicnn.safetensors"
BACKGROUND = _FOLDER / "background.json"
ANCHORS = _FOLDER / "anchors.safetensors"

SHA256 = {
    MSD.name: "07d1bf42faec4de4918c304ba46db4381c910f18cb0cb72a31b1af4f1fe5900b",
    MTT.name: "689fb21c62e030ad6248e164ba34836ff4019f3dbfaef5ddb0c397b3558a0665",
    BACKGROUND.name: "4154eca62d9e840eb5cc65f5950eda296a535177b0ab9ade623ee36eb1e3fe06",
    ANCHORS.name: "457a3c2d51d53ae83ff31aa6ab9b9ef862b6dbd6e3bcedb59eec1efd6d4e6bea",
}
