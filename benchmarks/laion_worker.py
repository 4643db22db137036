"""laion-clap in its own environment, on call: started by a benchmark, told to run, told to stop.

    python laion_worker.py CHECKPOINT WINDOWS.npy VECTORS.npy THREADS

Answers each line on stdin with the seconds that all windows took, from waveform to vector; the
vectors are written once, before the first answer.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

BATCH = 8


def main(checkpoint: str, windows: str, vectors: str, threads: int) -> None:
    answers = sys.stdout
    sys.stdout = sys.stderr  # laion-clap prints
    if importlib.util.find_spec("torchvision") is None:
        tests = Path(__file__).parents[1] / "plugins" / "clapbatch-laion" / "tests"
        sys.path.insert(0, str(tests))
        import standins

        standins.install()
    import numpy as np
    import torch
    from laion_clap import CLAP_Module

    torch.set_num_threads(threads)
    # The benchmark wrote this file itself, so the way laion-clap would read it is safe here.
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)["state_dict"]
    state = {name.removeprefix("module."): value for name, value in state.items()}
    del state["text_branch.embeddings.position_ids"]
    width = len(state["audio_branch.patch_embed.proj.weight"])
    module = CLAP_Module(
        enable_fusion=False, device="cpu", amodel={96: "HTSAT-tiny", 128: "HTSAT-base"}[width]
    )
    module.model.load_state_dict(state)
    module.eval()
    sounds = np.load(windows)

    def embed() -> np.ndarray:
        batches = [sounds[start : start + BATCH] for start in range(0, len(sounds), BATCH)]
        # As laion-clap's own page calls it.
        return np.concatenate([module.get_audio_embedding_from_data(b) for b in batches])

    np.save(vectors, embed())
    for _ in sys.stdin:
        start = time.perf_counter()
        embed()
        print(time.perf_counter() - start, file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
