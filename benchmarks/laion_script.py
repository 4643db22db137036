"""What a person writes with laion-clap alone: a folder of songs, a list of sentences, a CSV file.

    python laion_script.py CHECKPOINT SONGS QUERIES.txt VOCABULARY SCORES.csv THREADS

The same windows as clapbatch (10 s every 5 s, one aligned to the end), mean of the cosines.
"""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path

RATE, WINDOW, HOP, BATCH = 48_000, 480_000, 240_000, 8


def main(
    checkpoint: str, songs: str, queries: str, vocabulary: str, scores: str, threads: int
) -> None:
    if importlib.util.find_spec("torchvision") is None:
        tests = Path(__file__).parents[1] / "plugins" / "clapbatch-laion" / "tests"
        sys.path.insert(0, str(tests))
        import standins

        standins.install()
    import librosa
    import numpy as np
    import torch
    from laion_clap import CLAP_Module
    from transformers import RobertaTokenizer

    torch.set_num_threads(threads)
    # The benchmark wrote this file itself, so the way laion-clap would read it is safe here.
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)["state_dict"]
    state = {name.removeprefix("module."): value for name, value in state.items()}
    del state["text_branch.embeddings.position_ids"]
    module = CLAP_Module(enable_fusion=False, device="cpu", amodel="HTSAT-base")
    module.model.load_state_dict(state)
    folder = Path(vocabulary)
    module.tokenize = RobertaTokenizer(
        vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt")
    )
    texts = [line for line in Path(queries).read_text("utf-8").splitlines() if line]
    text_vectors = module.get_text_embedding(texts)
    with open(scores, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["song", *texts])
        for song in sorted(Path(songs).iterdir()):
            sound, _ = librosa.load(song, sr=RATE)
            last = max(len(sound) - WINDOW, 0)
            starts = sorted({*range(0, last + 1, HOP), last})
            windows = [sound[start : start + WINDOW] for start in starts]
            vectors = np.concatenate(
                [
                    module.get_audio_embedding_from_data(windows[first : first + BATCH])
                    for first in range(0, len(windows), BATCH)
                ]
            )
            row = (vectors @ text_vectors.T).mean(axis=0)
            writer.writerow([song.name, *(f"{value:.6f}" for value in row)])


if __name__ == "__main__":
    main(*sys.argv[1:6], int(sys.argv[6]))
