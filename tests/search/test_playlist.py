"""Playlists: what players read, with names that no line was made for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clapbatch.errors import UsageError
from clapbatch.library import read_tracks
from clapbatch.search.playlist import check_name, playlist, write_playlist
from clapbatch.search.ranking import Hit

AWKWARD = (
    b"plain.mp3",
    b"# comment.mp3",
    b"#EXTM3U.mp3",
    b"two\nlines.mp3",
    b"carriage\rreturn.mp3",
    b" blank before.mp3",
    b"blank behind.mp3 ",
    b"100% & more?.mp3",
    "Sí Bheag 🎵.mp3".encode(),
    b"\xff\xfe bytes.mp3",
    "line\u2028separator.mp3".encode(),
    b"http:/x.mp3",
    b"file:/y.mp3",
)


def hit(path: Path | str, seconds: float = 61.4) -> Hit:
    return Hit(Path(path).name, os.fspath(path), 0.5, "HIGH", 0, 3, seconds, ())


def test_a_song_has_its_length_in_seconds_its_name_and_a_relative_path(tmp_path: Path) -> None:
    song = hit(tmp_path / "music" / "album" / "song.mp3")
    assert playlist([song], tmp_path / "lists", "slow piano") == (
        "#EXTM3U\n#PLAYLIST:slow piano\n#EXTINF:61,song\n../music/album/song.mp3\n"
    )


def test_songs_keep_their_order(tmp_path: Path) -> None:
    text = playlist([hit(tmp_path / "b.mp3"), hit(tmp_path / "a.mp3")], tmp_path, "x")
    assert [line for line in text.splitlines() if not line.startswith("#")] == ["b.mp3", "a.mp3"]


def test_every_awkward_name_comes_back_as_the_file_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "100% müsic"
    folder.mkdir()
    songs = []
    for name in AWKWARD:
        path = folder / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        songs.append(path)
    write_playlist([hit(path) for path in songs], tmp_path / "list.m3u8", "a\nb")
    text = (tmp_path / "list.m3u8").read_text("utf-8")
    assert len(text.split("\n")) == 2 + 2 * len(songs) + 1
    found = read_tracks(tmp_path / "list.m3u8", ())
    assert not found.failures
    assert {track.path for track in found.tracks} == set(songs)


def test_a_playlist_is_replaced_whole_and_nothing_is_left_behind(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_playlist([hit(tmp_path / f"{name}.mp3")], tmp_path / "x.m3u8", name)
    assert [path.name for path in tmp_path.iterdir()] == ["x.m3u8"]
    assert (tmp_path / "x.m3u8").read_text().endswith("b.mp3\n")


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be written \(no such file or directory\)"):
        write_playlist([], tmp_path / "no" / "x.m3u8", "x")


@pytest.mark.parametrize("name", ["song.mp3", "list.m3u", "list"])
def test_only_a_playlists_name_is_taken(name: str) -> None:
    with pytest.raises(UsageError, match=r"a playlist's name ends in \.m3u8"):
        check_name(Path(name))
