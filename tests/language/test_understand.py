"""The table, the JSON, the corrections, and what must hold of every phrase and every text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clapbatch.errors import UsageError
from clapbatch.language.gazetteer import KINDS, lexicon, word_groups
from clapbatch.language.references import matching_songs
from clapbatch.language.text import composed
from clapbatch.language.understand import correct, understand

SENTENCE = "upbeat latin, no vocals, around 120 bpm, like Buena Vista, zorbly"


def test_a_sentence_becomes_prompts_a_tempo_references_and_what_was_not_understood() -> None:
    request = understand(SENTENCE)
    assert request.wanted == ("upbeat music", "latin music")
    assert request.unwanted == ("singing voice",)
    assert request.tempo == (110, 130)
    assert request.references == ("Buena Vista",)
    assert request.left_over == ("zorbly",)


def test_the_table_shows_every_word_that_counted_and_every_one_that_did_not() -> None:
    rows = understand(SENTENCE).rows()
    assert [(row["text"], row["kind"], row["value"], row["polarity"]) for row in rows] == [
        ("upbeat", "mood", "upbeat", "wanted"),
        ("latin", "genre", "latin", "wanted"),
        ("vocals", "voice", "vocals", "unwanted"),
        ("around 120 bpm", "tempo", "110–130 bpm", "wanted"),
        ("Buena Vista", "song", "Buena Vista", "reference"),
        ("zorbly", "", "", "not understood"),
    ]
    assert len({tuple(row) for row in rows}) == 1


def test_the_json_holds_plain_values_and_says_the_same_as_the_table() -> None:
    request = understand(SENTENCE)
    plain = json.loads(json.dumps(request.to_json()))
    assert plain == request.to_json()
    assert plain["tempo"] == [110, 130]
    assert [a["value"] for a in plain["attributes"]] == [a.value for a in request.attributes]
    assert plain["not_understood"] == ["zorbly"]


@pytest.mark.parametrize(
    "sentence",
    ["instrumental", "no vocals", "without singing", "vocal-free", "no lyrics", "not sung"],
)
def test_every_way_to_ask_for_no_voice_subtracts_one_prompt_that_names_the_voice(
    sentence: str,
) -> None:
    request = understand(sentence)
    assert request.unwanted == ("singing voice",)
    assert request.wanted == ()


def test_no_prompt_ever_speaks_of_an_absence() -> None:
    refusals = {"no", "not", "without", "non", "never"}
    for entry in lexicon().values.values():
        assert not refusals & set(entry.prompt.lower().replace("-", " ").split()), entry


def test_every_phrase_of_the_gazetteers_is_wanted_alone_and_unwanted_after_a_no() -> None:
    for phrase, entries in lexicon().entries.items():
        text = " ".join(phrase)
        alone, refused = understand(text), understand(f"no {text}")
        for entry in entries[:1]:
            way_round = ("unwanted", "wanted") if entry.absent else ("wanted", "unwanted")
            found = [
                {a.polarity for a in request.attributes if (a.kind, a.value) == key}
                for request in (alone, refused)
                for key in [(entry.kind, entry.value)]
            ]
            assert found == [{way_round[0]}, {way_round[1]}], text


def test_the_effects_of_cues_are_ones_the_program_knows() -> None:
    known = {
        *("no", "not", "without", "except", "prefix", "affirm", "neutral", "stop", "wish"),
        *("soft", "with", "and", "or", "not-before", "neutral-before", "like", "unlike", "by"),
        *("than", "out", "to"),
    }
    assert set(lexicon().cues.values()) == known


def test_the_gazetteers_are_rich() -> None:
    kinds = [kind for kind, _ in lexicon().values]
    assert {kind: kinds.count(kind) for kind in KINDS}["genre"] >= 250
    assert len(kinds) >= 700
    assert len(lexicon().entries) >= 2300
    assert word_groups("name_words.csv")["lead-in"]


@settings(deadline=None, max_examples=150, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_at_all_is_read_without_an_error_and_shown_as_typed(text: str) -> None:
    if not text.strip():
        return
    request = understand(text)
    for shown in [*(a.text for a in request.attributes), *request.left_over]:
        assert shown in composed(text)
    assert request == understand(text)


_PIECES = """no not without but and or , . - / ' " like 120 bpm 80s drums piano sad jazz vocals
isn't except nothing only less free a The Queen style 'n' w/o ! : between than"""


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    st.lists(st.sampled_from(_PIECES.split()), min_size=1, max_size=9), st.sampled_from(["", " "])
)
def test_any_order_of_cues_and_marks_is_read_without_an_error(pieces: list[str], gap: str) -> None:
    request = understand(gap.join(pieces))
    json.dumps(request.to_json())


def test_case_accents_and_hyphens_make_no_difference() -> None:
    plain = understand("reggaeton hip hop, no hi hat")
    fancy = understand("REGGAETÓN Hip-Hop, no hi-hat")
    assert (plain.wanted, plain.unwanted) == (fancy.wanted, fancy.unwanted)


def test_a_corrected_typing_mistake_says_so() -> None:
    request = understand("mellancholic pinao")
    notes = [a.note for a in request.attributes]
    assert notes == ["mellancholic read as melancholic", "pinao read as piano"]


def test_what_does_not_matter_is_neither_wanted_nor_unwanted_and_is_shown() -> None:
    request = understand("jazz, I don't mind vocals")
    assert (request.wanted, request.unwanted) == (("jazz music",), ())
    assert request.notes == ("vocals: said not to matter",)


def test_a_contradiction_is_named() -> None:
    assert understand("drums, no drums").notes == ("drums is both wanted and unwanted",)


def test_a_refused_description_belongs_to_its_instrument() -> None:
    request = understand("guitar, but no loud guitars")
    assert request.wanted == ("guitar",)
    assert request.unwanted == ("loud guitar",)


def test_two_ranges_of_tempi_are_intersected() -> None:
    assert understand("over 100 bpm, under 120 bpm").tempo == (100, 120)
    assert understand("fast").tempo is None
    assert understand("fast").wanted == ("fast music",)


def test_a_range_of_tempi_that_is_refused_is_shown_and_does_not_filter() -> None:
    request = understand("not between 100 and 110 bpm")
    assert request.tempo is None
    assert request.attributes[0].note.startswith("a range of tempi cannot be left out")


def test_a_blank_sentence_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        understand("  \n")


@pytest.mark.parametrize(
    ("kind", "value", "wanted", "unwanted"),
    [
        (
            "genre",
            "jazz, not bebop",
            ("upbeat music", "jazz music"),
            ("singing voice", "bebop jazz"),
        ),
        ("genre", "any", ("upbeat music",), ("singing voice",)),
        ("voice", "choir", ("upbeat music", "latin music", "choir"), ()),
        ("voice", "any", ("upbeat music", "latin music"), ()),
        ("voice", "none", ("upbeat music", "latin music"), ("singing voice",)),
        ("voice", "instrumental", ("upbeat music", "latin music"), ("singing voice",)),
        ("mood", "no sad", ("latin music",), ("singing voice", "sad music")),
        ("use", "moonwalks", ("upbeat music", "latin music", "moonwalks"), ("singing voice",)),
    ],
)
def test_one_attribute_can_be_corrected_and_the_others_stay(
    kind: str, value: str, wanted: tuple[str, ...], unwanted: tuple[str, ...]
) -> None:
    request = correct(understand(SENTENCE), kind, value)
    assert (request.wanted, request.unwanted) == (wanted, unwanted)
    assert request.left_over == ("zorbly",)


def test_a_corrected_tempo_era_and_reference_are_read_as_in_a_sentence() -> None:
    request = understand(SENTENCE)
    assert correct(request, "tempo", "90-100 bpm").tempo == (90, 100)
    assert correct(request, "tempo", "any").tempo is None
    assert correct(request, "tempo", "slow").wanted[-1] == "slow music"
    assert correct(request, "era", "1987").wanted[-1] == "80s music"
    assert correct(request, "song", "Ry Cooder").references == ("Ry Cooder",)
    assert correct(request, "song", "none").references == ()
    assert correct(request, "song", "not Queen").unwanted_references == ("Queen",)


def test_an_unknown_word_in_a_correction_is_sent_as_it_is_and_says_so() -> None:
    request = correct(understand("jazz"), "genre", "zydegrass")
    assert request.wanted == ("zydegrass",)
    assert "not in the word lists" in request.attributes[0].note


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("genra", "jazz", "did you mean genre"),
        ("mood", " ", "a value is needed"),
        ("tempo", "blue", "write 120 bpm, 100-120 bpm or slow"),
    ],
)
def test_a_correction_that_makes_no_sense_is_refused(kind: str, value: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        correct(understand("jazz"), kind, value)


def test_a_reference_finds_the_songs_whose_path_holds_all_its_words() -> None:
    songs = ["a/Buena Vista - Chan Chan.mp3", "b/buena_vista live in Été.flac", "c/Vista.ogg"]
    assert matching_songs("Buena Vista", songs) == songs[:2]
    assert matching_songs("chan chan.mp3", songs) == songs[:1]
    assert matching_songs("ete", songs) == [songs[1]]
    assert matching_songs("Vista", songs)[0] == "c/Vista.ogg"
    assert matching_songs("nothing", songs) == []
    assert matching_songs("!", songs) == []
