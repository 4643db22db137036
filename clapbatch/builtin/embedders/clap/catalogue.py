"""The checkpoints that LAION published, pinned, and the tokenizer's files that belong to them."""

from __future__ import annotations

from dataclasses import dataclass

from clapbatch.api import downloads

LAION = "lukewys/laion_clap"
LAION_REVISION = "b3708341862f581175dba5c356a4ebf74a9b6651"
ROBERTA = "FacebookAI/roberta-base"
ROBERTA_REVISION = "e2da8e2f811d1448a5b465c236feacd80ffbac7b"


@dataclass(frozen=True)
class Published:
    """A checkpoint by the name it has here. `summary`: what it was trained for."""

    name: str
    file: downloads.HubFile
    summary: str


def _laion(name: str, path: str, sha256: str, summary: str) -> Published:
    return Published(name, downloads.HubFile(LAION, LAION_REVISION, path, sha256), summary)


PUBLISHED = {
    entry.name: entry
    for entry in (
        _laion(
            "music",
            "music_audioset_epoch_15_esc_90.14.pt",
            "fae3e9c087f2909c28a09dc31c8dfcdacbc42ba44c70e972b58c1bd1caf6dedd",
            "music and AudioSet; HTSAT-base",
        ),
        _laion(
            "music-speech",
            "music_speech_epoch_15_esc_89.25.pt",
            "a27dfbd00d96781020d83044136f084343edab799d2657ef3cfe5c4f2222bb28",
            "music and speech; HTSAT-base",
        ),
        _laion(
            "music-speech-audioset",
            "music_speech_audioset_epoch_15_esc_89.98.pt",
            "51c68f12f9d7ea25fdaaccf741ec7f81e93ee594455410f3bca4f47f88d8e006",
            "music, speech and AudioSet; HTSAT-base",
        ),
        _laion(
            "630k-audioset",
            "630k-audioset-best.pt",
            "8053c9775516af2f4902e1e8281e356cc1bf7a85e8b761908170767b77c3f037",
            "sounds of every kind, AudioSet; HTSAT-tiny",
        ),
        # Nobody has written this one's hash down; the first download records it.
        _laion("630k", "630k-best.pt", "", "sounds of every kind; HTSAT-tiny"),
    )
}

VOCABULARY = downloads.HubFile(
    ROBERTA,
    ROBERTA_REVISION,
    "vocab.json",
    "9e7f63c2d15d666b52e21d250d2e513b87c9b713cfa6987a82ed89e5e6e50655",
)
MERGES = downloads.HubFile(
    ROBERTA,
    ROBERTA_REVISION,
    "merges.txt",
    "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
)
TOKENIZER_FILES = (VOCABULARY, MERGES)
