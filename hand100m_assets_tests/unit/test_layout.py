import pytest
from hypothesis import given
from hypothesis import strategies as st

from hand100m_assets.errors import UnsafeIdError
from hand100m_assets.layout import OutputLayout, check_video_id, frame_file_name
from hand100m_assets.set_names import annotation_set_name, name_pattern
from hand100m_assets.sources import EGO4D


@pytest.mark.parametrize(
    ("file_name", "key", "label", "family"),
    [
        ("Hand100M_Ego4D_50k_v1-1.json", "simhand-50k", "50k", "simhand"),
        ("Hand100M_100DOH_1m_v1-1.json", "simhand-1m", "1m", "simhand"),
        ("Hand100M_Ego4D_TempCLR_100k_v1-1.json", "tempclr-100k", "TempCLR 100k", "tempclr"),
        ("Hand100M_Ego4D_TopK_5_50k_v1-1.json", "topk-5-50k", "TopK 5 50k", "topk"),
        ("Hand100M_Ego4D_Top10_50k_v2.json.gz", "top10-50k", "Top10 50k", "topk"),
        ("Hand100M_Ego4D_TopK_1m_v1-1.JSON.ZST", "topk-1m", "TopK 1m", "topk"),
        ("Hand100M_Ego4D_٥٠k_v1-1.json", "k", "k", "other"),
        ("my hands (final).json", "my-hands-final", "my hands final", "other"),
    ],
)
def test_annotation_file_names_become_readable_set_keys(file_name: str, key: str, label: str, family: str) -> None:
    name = annotation_set_name(file_name)
    assert (name.key, name.label, name.family) == (key, label, family)


IN_GROUPS = r"(?P<source>\w+?)-(?P<family>\w*?)-(?P<scale>\d+k)"


@pytest.mark.parametrize(
    ("pattern", "file_name", "expected"),
    [
        (IN_GROUPS, "Ego4D--50k.json", ("simhand-50k", "simhand", "50k", "Ego4D")),
        (IN_GROUPS, "Ego4D-Top3-50K.json", ("top3-50k", "topk", "50k", "Ego4D")),
        (IN_GROUPS, "e-mine-50k.json", ("mine-50k", "other", "50k", "e")),
        (IN_GROUPS, "e-SimHand-50k.json", ("simhand-50k", "simhand", "50k", "e")),
        (r"hands_(?P<name>.+)", "hands_TempCLR_1m.json.gz", ("tempclr-1m", "tempclr", "1m", "")),
        (r"hands_(?P<name>.+)", "Hand100M_Ego4D_50k_v1-1.json", ("hand100m-ego4d-50k-v1-1", "other", "50k", "")),
        (r"(?P<scale>\d+m)?.*", "what.json", ("what", "other", "", "")),
    ],
)  # fmt: skip
def test_another_pattern_names_sets_by_its_groups(pattern: str, file_name: str, expected: tuple[str, ...]) -> None:
    name = annotation_set_name(file_name, name_pattern(pattern))
    assert (name.key, name.family, name.scale, name.title) == expected


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("(", "not a regular expression"), ("(?P<kind>.*)", "unknown group kind"), ("(?P<source>.*)", "needs a group")],
)
def test_a_pattern_that_names_no_set_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        name_pattern(pattern)


@given(st.text(min_size=1, max_size=60))
def test_any_file_name_gives_a_key_that_is_safe_as_a_folder(stem: str) -> None:
    key = annotation_set_name(stem + ".json").key
    assert check_video_id(key) == key


@pytest.mark.parametrize("video_id", ["../x", "a/b", "", ".", "a b", "a,b", "a...b", "x\x00", "é"])
def test_an_id_that_could_leave_the_output_folder_is_refused(video_id: str, tmp_path) -> None:
    with pytest.raises(UnsafeIdError, match="video id"):
        OutputLayout(tmp_path, EGO4D).frame_dir(video_id)


@pytest.mark.parametrize("video_id", ["-dash_First1", "_underscore", "8082fcc6-e09a-4440-aa24-06c58490bbfe"])
def test_ids_that_begin_with_a_dash_or_underscore_are_welcome(video_id: str) -> None:
    assert check_video_id(video_id) == video_id


def test_frame_names_are_padded_as_the_original_writes_them() -> None:
    assert [frame_file_name(i) for i in (0, 30, 1_234_567)] == [
        "frame_000000.jpg",
        "frame_000030.jpg",
        "frame_1234567.jpg",
    ]
