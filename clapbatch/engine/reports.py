"""Analysis -> a report folder, whole or not at all."""

from __future__ import annotations

import glob
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from clapbatch.config import RunConfig
from clapbatch.domain import Analysis
from clapbatch.errors import UsageError
from clapbatch.fingerprint import file_sha256
from clapbatch.library import printable
from clapbatch.registry import Registry, make_options, option_names
from clapbatch.roles import Reporter, ReporterSpec

MANIFEST = "manifest.json"
# How the name of a report goes on that makes way for a new one.
OLD = "old-"
# What a number can depend on beside clapbatch itself.
PACKAGES = ("av", "numpy", "openvino", "soundfile", "soxr", "tokenizers", "torch", "transformers")


def make_reporters(config: RunConfig, registry: Registry) -> list[Reporter]:
    """The reporters of a run. `reporter.*` options go to those that know them.

    Raises
    ------
    UsageError
        If a reporter is unknown, or no reporter knows an option.
    """
    specs = [registry.get(ReporterSpec, name) for name in config.reporters]
    given = dict(config.options.get("reporter", {}))
    known = {name for spec in specs for name in option_names(spec)}
    reporters = []
    for spec in specs:
        # An option that nobody knows goes to everybody, to be refused with the near names.
        mine = {
            key: value
            for key, value in given.items()
            if key in option_names(spec) or key not in known
        }
        reporters.append(spec.make(make_options(spec, mine)))
    return reporters


def check_folder(folder: Path) -> None:
    """Find out before the work whether the report can be put there.

    Raises
    ------
    UsageError
        If it cannot: no permission, a file in the way, or a folder that holds something else.
    """
    try:
        if folder.exists() and not _is_report(folder) and any(folder.iterdir()):
            raise UsageError(
                f"{printable(folder)} holds something that is not a report; choose another --out"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder.parent).close()
    except OSError as error:
        raise UsageError(_cannot_write(folder, error)) from error


def write_report(analysis: Analysis, folder: Path, reporters: Iterable[Reporter]) -> None:
    """Write all files beside the folder's place, then move them there at once.

    An existing report is replaced only by a complete one; files that somebody else put into its
    folder stay in it.

    Raises
    ------
    UsageError
        If the files cannot be written.
    """
    folder = Path(os.path.abspath(folder))
    draft = None
    try:
        _sweep(folder)
        draft = Path(tempfile.mkdtemp(prefix=_draft_prefix(folder), dir=folder.parent))
        draft.chmod(0o777 & ~_umask())
        names = [name for reporter in reporters for name in reporter.write(analysis, draft)]
        text = json.dumps(manifest(analysis, draft, names), indent=2, sort_keys=True)
        (draft / MANIFEST).write_text(text + "\n", encoding="utf-8")
        _write_through(draft)
        _put_in_place(draft, folder)
    except OSError as error:
        raise UsageError(_cannot_write(folder, error)) from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def manifest(analysis: Analysis, folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """What made these files and what is in them; the same every time, but for `timing`."""
    return {
        **analysis.provenance,
        "songs": len(analysis.tracks),
        "failures": len(analysis.failures),
        "queries": [{"id": query.id, "prompts": list(query.prompts)} for query in analysis.queries],
        "notes": list(analysis.notes),
        "warnings": list(analysis.warnings),
        "thresholds": {
            "song_query": {
                "high": analysis.thresholds.high,
                "moderate": analysis.thresholds.moderate,
            },
            "song_song": {
                "high": analysis.song_thresholds.high,
                "moderate": analysis.song_thresholds.moderate,
            },
        },
        "versions": versions(),
        "machine": platform.machine(),
        "files": {name: file_sha256(folder / name) for name in sorted(names)},
        "timing": dict(analysis.timing),
    }


def versions() -> dict[str, str]:
    """Python and the packages that numbers can depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _write_through(draft: Path) -> None:
    """To the disk itself: after a power cut a name must not lead to half a file."""
    for path in (*draft.iterdir(), draft):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _put_in_place(draft: Path, folder: Path) -> None:
    """Killed at any point, the next run finds an old or a new report and nothing of others lost."""
    if not folder.exists():
        os.rename(draft, folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f"{_draft_prefix(folder)}{OLD}", dir=folder.parent))
    os.rename(folder, aside)
    os.rename(draft, folder)
    _settle(aside, folder)


def _settle(aside: Path, folder: Path) -> None:
    """What is not ours goes from the old report's folder into the new one; the rest goes."""
    old = json.loads((aside / MANIFEST).read_text("utf-8")) if _is_report(aside) else {}
    ours = {MANIFEST, *old.get("files", {})}
    for entry in sorted(aside.iterdir()):
        if entry.name not in ours and not (folder / entry.name).exists():
            os.rename(entry, folder / entry.name)
    # Under a draft's name: half removed, it must not be taken for a report set aside.
    rubbish = Path(tempfile.mkdtemp(prefix=_draft_prefix(folder), dir=folder.parent))
    os.rename(aside, rubbish)
    shutil.rmtree(rubbish, ignore_errors=True)


def _is_report(folder: Path) -> bool:
    try:
        return "audio_fingerprint" in json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return False


def _draft_prefix(folder: Path) -> str:
    return f".{folder.name}.{os.getpid()}."


def _sweep(folder: Path) -> None:
    """Clear up after runs that were killed."""
    for left in sorted(folder.parent.glob(f"{glob.escape(f'.{folder.name}.')}*.*")):
        owner, _, kind = left.name.removeprefix(f".{folder.name}.").partition(".")
        if not owner.isdigit() or _is_running(int(owner)):
            continue
        if not kind.startswith(OLD):
            shutil.rmtree(left, ignore_errors=True)
        elif folder.exists():
            _settle(left, folder)
        else:
            os.rename(left, folder)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cannot_write(folder: Path, error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    return f"the report cannot be written to {printable(folder)} ({reason}); choose another --out"
