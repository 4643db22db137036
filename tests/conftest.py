"""What all tests share: a home of their own, a tiny encoder, songs that are tones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from clapbatch.cli.main import main
from clapbatch.registry import Registry
from clapbatch.store import Store
from clapbatch.testing import tone

FAKES = str(Path(__file__).with_name("fakes.py"))
SAMPLE_SONGS = Path(__file__).with_name("songs")
SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def kept_graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Converting a model takes seconds; once is enough for all tests."""
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture(autouse=True)
def home(
    tmp_path_factory: pytest.TempPathFactory, kept_graphs: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Each test has its own store; nobody's cache folder is touched."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "graphs").symlink_to(kept_graphs)
    monkeypatch.setenv("CLAPBATCH_HOME", str(folder))
    monkeypatch.setenv("CLAPBATCH_OFFLINE", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return folder


@pytest.fixture
def registry() -> Registry:
    return Registry([FAKES])


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "test.sqlite") as opened:
        yield opened


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """A folder of four songs, each one pitch: 110, 220, 440 and 880 Hz, 3 to 6 seconds."""
    folder = tmp_path / "tones"
    (folder / "high").mkdir(parents=True)
    for seconds, (name, hertz) in enumerate(
        [("a110.wav", 110), ("b220.flac", 220), ("high/c440.wav", 440), ("high/d880.ogg", 880)], 3
    ):
        soundfile.write(folder / name, tone(hertz, seconds, 8000), 8000)
    return folder


@pytest.fixture(scope="session")
def dask_address() -> Iterator[str]:
    """A dask cluster of two worker processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="clapbatch[dask] is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


class Said:
    """What a command said: its exit code, standard output and standard error."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def clapbatch(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the program as a person would: `clapbatch("single", "song.wav", "440 Hz")`."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        code = stopped.value.code
        return Said(code if isinstance(code, int) else 1, printed.out, printed.err)

    return run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-golden", action="store_true", help="write the golden files anew, then look"
    )
