"""Folders, lists and query files, and what goes wrong with them."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from clapbatch.errors import UsageError
from clapbatch.library import list_songs, printable, read_queries, read_tracks

SUFFIXES = (".wav", ".mp3")


def names(songs: Path) -> list[str]:
    return [track.name for track in read_tracks(songs, SUFFIXES).tracks]


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_a_folder_is_walked_recursively_and_sorted_by_relative_posix_path(tmp_path: Path) -> None:
    touch(tmp_path / "b.wav", tmp_path / "a" / "z.mp3", tmp_path / "a.mp3", tmp_path / "C.WAV")
    assert names(tmp_path) == ["C.WAV", "a.mp3", "a/z.mp3", "b.wav"]


def test_other_and_hidden_files_are_left_out_with_a_note(tmp_path: Path) -> None:
    touch(tmp_path / "a.wav", tmp_path / "cover.jpg", tmp_path / "._a.wav", tmp_path / "README")
    found = read_tracks(tmp_path, SUFFIXES)
    assert [track.name for track in found.tracks] == ["a.wav"]
    assert found.notes == ("left out of the folder: 3 other files (1 .jpg, 1 hidden, 1 no ending)",)


def test_a_listing_holds_what_read_tracks_finds_in_the_same_order(tmp_path: Path) -> None:
    touch(tmp_path / "b.wav", tmp_path / "a" / "z.mp3", tmp_path / "a.mp3", tmp_path / "cover.jpg")
    (tmp_path / os.fsdecode(b"\xff.wav")).write_bytes(b"x")
    (tmp_path / "list.m3u8").write_text("b.wav\na/z.mp3\n")
    for songs in (tmp_path, tmp_path / "list.m3u8", tmp_path / "b.wav"):
        library, listing = read_tracks(songs, SUFFIXES), list_songs(songs, SUFFIXES)
        assert listing.names == [track.name for track in library.tracks]
        found = [Path(os.fsdecode(path)) for path in listing.paths]
        assert found == [track.path for track in library.tracks]
        assert (listing.failures, listing.notes) == (library.failures, library.notes)


def test_a_file_address_in_a_list_may_hold_any_byte(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"two\nlines \xff#.wav")
    odd.write_bytes(b"x")
    (tmp_path / "list.m3u8").write_text(f"file://{tmp_path}/two%0Alines%20%FF%23.wav\n")
    assert [track.path for track in read_tracks(tmp_path / "list.m3u8", ()).tracks] == [odd]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.wav")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "a")
    assert names(tmp_path) == ["a/x.wav"]


def test_a_link_that_leads_nowhere_is_still_a_track_so_that_it_becomes_a_failure(
    tmp_path: Path,
) -> None:
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nothing")
    assert names(tmp_path) == ["gone.wav"]


def test_names_that_are_not_utf8_or_hold_newlines_or_are_long_are_kept(tmp_path: Path) -> None:
    odd = [b"\xff\xfe.wav", b"two\nlines.wav", b"x" * 251 + b".wav"]
    for name in odd:
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    assert sorted(names(tmp_path)) == sorted(
        ["\\xff\\xfe.wav", "two\nlines.wav", "x" * 251 + ".wav"]
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_a_failure_that_names_it(tmp_path: Path) -> None:
    touch(tmp_path / "a.wav", tmp_path / "closed" / "b.wav")
    (tmp_path / "closed").chmod(0)
    try:
        found = read_tracks(tmp_path, SUFFIXES)
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert [failure.track for failure in found.failures] == ["closed"]
    assert found.failures[0].reason == "permission denied"


def test_a_folder_that_cannot_be_opened_is_a_failure_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "a.wav", tmp_path / "closed" / "b.wav")
    real = os.scandir

    def scandir(path: bytes) -> object:
        if Path(os.fsdecode(path)).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = read_tracks(tmp_path, SUFFIXES)
    assert [(f.track, f.stage, f.reason) for f in found.failures] == [
        ("closed", "find", "permission denied")
    ]


def test_a_file_that_is_named_outright_is_taken_whatever_its_ending(tmp_path: Path) -> None:
    touch(tmp_path / "song.xyz")
    assert names(tmp_path / "song.xyz") == ["song.xyz"]


@pytest.mark.parametrize("suffix", [".m3u", ".m3u8", ".txt"])
def test_a_list_names_files_relative_to_itself(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path / "music" / "a.wav", tmp_path / "music" / "ü" / "b.mp3")
    entry = (tmp_path / "music" / "a.wav").as_uri()
    songs = tmp_path / "lists" / f"party{suffix}"
    songs.parent.mkdir()
    songs.write_text(
        f"\ufeff#EXTM3U\n\n#EXTINF:1,x\n../music/ü/b.mp3\n{entry}\n../music/ü/b.mp3\n", "utf-8"
    )
    found = read_tracks(songs, SUFFIXES)
    assert [track.name for track in found.tracks] == ["a.wav", "ü/b.mp3"]
    assert all(track.path.exists() for track in found.tracks)
    assert found.notes == ("1 repeated entries of the list were merged",)


def test_an_address_on_the_network_in_a_list_is_a_failure(tmp_path: Path) -> None:
    songs = tmp_path / "radio.m3u"
    songs.write_text("http://example.org/stream\na.wav\n")
    found = read_tracks(songs, SUFFIXES)
    assert [f.track for f in found.failures] == ["http://example.org/stream"]


def test_what_is_not_there_or_empty_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        read_tracks(tmp_path / "nothing", SUFFIXES)
    with pytest.raises(UsageError, match="holds no recording"):
        read_tracks(tmp_path, SUFFIXES)
    (tmp_path / "empty.m3u").write_text("# nothing\n")
    with pytest.raises(UsageError, match="lists no recording"):
        read_tracks(tmp_path / "empty.m3u", SUFFIXES)


def queries(path: Path, data: bytes) -> tuple[list[str], tuple[str, ...]]:
    path.write_bytes(data)
    found, notes = read_queries(path)
    return [query.id for query in found], notes


def test_a_query_file_has_a_sentence_a_line_comments_and_blank_lines(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf# voices\r\n\r\nfemale   vocalist \r\n  # more\r\nch\xc5\x93ur\r\n"
    assert queries(tmp_path / "q.txt", data) == (["female vocalist", "chœur"], ())


def test_repeated_queries_are_merged_with_a_note(tmp_path: Path) -> None:
    assert queries(tmp_path / "q.txt", b"jazz\nrock\njazz\n") == (
        ["jazz", "rock"],
        ("1 repeated queries were merged",),
    )


def test_queries_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"jazz\n# no\n")))
    assert [query.id for query in read_queries("-")[0]] == ["jazz"]


def test_a_toml_file_gives_a_query_several_prompts(tmp_path: Path) -> None:
    path = tmp_path / "q.toml"
    path.write_text(
        '[[query]]\nid = "calm"\nprompts = ["calm music", "a quiet song"]\n[[query]]\nid = "rock"\n'
    )
    found, _ = read_queries(path)
    assert [(query.id, query.prompts) for query in found] == [
        ("calm", ("calm music", "a quiet song")),
        ("rock", ("rock",)),
    ]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("q.txt", b"", "holds no query"),
        ("q.txt", b"# only\n\n", "holds no query"),
        ("q.txt", b"jazz\nbl\xfcs\n", r"not UTF-8 text \(line 2\)"),
        ("q.toml", b"query = [", "not valid TOML"),
        ("q.toml", b"[[query]]\nprompts = ['a']\n", "query 1 needs an id"),
        ("q.toml", b"[[query]]\nid = 'a'\npromts = ['b']\n", "unknown keys promts"),
        ("q.toml", b"[[query]]\nid = 'a'\nprompts = [3]\n", "query 1 needs an id"),
    ],
)
def test_a_wrong_query_file_is_one_sentence(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        queries(tmp_path / name, data)


def test_a_missing_query_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_queries(tmp_path / "nothing.txt")


def test_printable_names_lose_nothing_that_utf8_can_hold() -> None:
    assert printable("Ünï 🎵") == "Ünï 🎵"
    assert printable(os.fsdecode(b"\xff")) == "\\xff"
