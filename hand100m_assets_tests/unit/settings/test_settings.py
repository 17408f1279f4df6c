"""Settings: one file, the environment wins, a malformed value is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hand100m_assets.errors import SettingsError
from hand100m_assets.settings.settings import ENV_FILE_VARIABLE, OTHER_VARIABLES, Settings, load_settings
from hand100m_assets.sources import DOH, EGO4D
from hand100m_assets_tests.conftest import REPO

EXAMPLE = REPO / ".env.example"


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working directory and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in (*Settings.model_fields, "env_file"):
        monkeypatch.delenv(f"HAND100M_{name.upper()}", raising=False)


def test_without_a_file_every_setting_has_a_default() -> None:
    settings = load_settings()
    assert (settings.frame_selection, settings.frame_stride, settings.jpeg_quality) == ("stride", 30, 95)
    assert settings.expected_totals == {"ego4d/simhand-50k": (49_930, 50_000)}


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("HAND100M_FRAME_STRIDE=15\nHAND100M_JPEG_QUALITY=80\n")
    assert load_settings().frame_stride == 15
    monkeypatch.setenv("HAND100M_FRAME_STRIDE", "10")
    assert (load_settings().frame_stride, load_settings().jpeg_quality) == (10, 80)


def test_the_file_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("HAND100M_FRAME_STRIDE=15\n")
    (tmp_path / "other").write_text('HAND100M_IMAGE_PREFIXES={"hand100m/": "/mnt/frames"}\n')
    monkeypatch.setenv(ENV_FILE_VARIABLE, str(tmp_path / "other"))
    settings = load_settings()
    assert (settings.frame_stride, settings.image_prefixes) == (30, {"hand100m/": Path("/mnt/frames")})


def test_a_settings_file_that_is_not_there_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_FILE_VARIABLE, "/nowhere/.env")
    with pytest.raises(SettingsError, match=r"/nowhere/\.env: no such settings file.*HAND100M_ENV_FILE"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FRAME_STRIDE", "0"),
        ("FRAME_STRIDE", "thirty"),
        ("JPEG_QUALITY", "101"),
        ("FRAME_SELECTION", "all"),
        ("JOINT_ORDER", "openpose"),
        ("COLOUR_RULE", "bt709"),
        ("MAX_VIDEO_HOURS", "0"),
        ("MAX_SECONDS_PER_VIDEO", "-1"),
        ("AUDIT_VIDEOS", "-1"),
        ("AUDIT_FRAMES_PER_VIDEO", "0"),
        ("WORKERS", "-1"),
        ("MAX_MISSING_SHARE", "1.5"),
        ("SENSOR_INTERVAL_S", "1"),
        ("ANNOTATED_SETS", "simhand-50k"),
        ("ANNOTATED_SETS", '["ego5d/simhand-50k"]'),
        ("ANNOTATED_SETS", '["ego4d/"]'),
        ("IMAGE_PREFIXES", "{not json"),
        ("ANNOTATION_NAME_PATTERN", "(?P<name>"),
        ("ANNOTATION_NAME_PATTERN", "(?P<source>.*)"),
        ("EXPORT_FORMATS", '["yolo"]'),
        ("ASSET_OWNERS", '["the lab"]'),
        ("ASSET_TAGS", '{"a b": "c"}'),
        ("ASSET_TAGS", '{"a": "b c"}'),
        ("ASSET_TAGS", '{"dagster/priority": "1"}'),
        ("CODE_URL", "git@github.com:somebody/hands.git"),
        ("MAX_LOOK_AGE_HOURS", "0"),
        ("EXPECTED_TOTALS", '{"ego4d/simhand-50k": [1]}'),
    ],
)
@pytest.mark.parametrize("where", ["file", "environment"])
def test_a_malformed_value_is_one_error_that_names_the_variable(
    name: str, value: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "file":
        Path(".env").write_text(f"HAND100M_{name}={value}\n")
    else:
        monkeypatch.setenv(f"HAND100M_{name}", value)
    with pytest.raises(SettingsError, match=f"HAND100M_{name}") as caught:
        load_settings()
    words = str(caught.value)
    assert not re.search(r"Value error|Input|valid|parse|dictionary|Tuple|Field|Expecting|class '", words), words


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FRAME_STRIDE", "thirty", 'FRAME_STRIDE: must be a whole number, not "thirty".'),
        ("FRAME_STRIDE", "1.5", 'FRAME_STRIDE: must be a whole number, not "1.5".'),
        ("FRAME_STRIDE", "", "FRAME_STRIDE: must be a whole number, not empty."),
        ("FRAME_STRIDE", "0", 'FRAME_STRIDE: must be at least 1, not "0".'),
        ("MAX_VIDEO_HOURS", "0", 'MAX_VIDEO_HOURS: must be above 0, not "0".'),
        ("MAX_MISSING_SHARE", "5%", 'MAX_MISSING_SHARE: must be a number, not "5%".'),
        ("MINE_ANNOTATIONS", "maybe", 'MINE_ANNOTATIONS: must be true or false, not "maybe".'),
        ("EXECUTION", "cloud", "EXECUTION: must be 'local' or 'dask', not \"cloud\"."),
        ("EXECUTION", "dask", "EXECUTION: execution `dask` needs either dask_scheduler or dask_queue, and not both."),
        ("ASSET_OWNERS", '["lab"]', "'lab' is no owner; write an e-mail address, or team: and the name of a team"),
        ("EXPORT_FORMATS", "coco", 'must be JSON, such as ["original", "coco"] (character 1 does not fit).'),
        ("EXPORT_FORMATS", '["coco", 1]', "EXPORT_FORMATS[1]: must be 'original' or 'coco', not 1."),
        ("EXPECTED_TOTALS", "[]", 'TOTALS: must be {...}, not [], such as {"ego4d/simhand-50k": [49930, 50000]}.'),
        ("EXPECTED_TOTALS", '{"ego4d/x": ["x", 1]}', 'TOTALS["ego4d/x"][0]: must be a whole number, not "x".'),
        ("EXPECTED_TOTALS", '{"ego4d/x": [1]}', "must have another number of values, such as"),
        ("EXPECTED_TOTALS", '{"ego4d/x": [1, 2, 3]}', "must have another number of values, such as"),
        ("IMAGE_PREFIXES", '{"a": 5}', 'IMAGE_PREFIXES["a"]: must be a path in quotes, not 5.'),
        ("ANNOTATED_SETS", "[1]", "ANNOTATED_SETS[0]: must be a text in quotes, not 1."),
        ("OUTPUT_ROOT", "$X/y", "OUTPUT_ROOT: $X/y begins with a variable"),
        ("OUTPUT_ROOT", "", "OUTPUT_ROOT: is empty; name a folder or file, or delete the line."),
        ("DOH_LIST_FILE", "", "DOH_LIST_FILE: is empty; name a folder or file, or delete the line."),
    ],
)
def test_what_is_wrong_is_said_in_our_own_words(name: str, value: str, words: str) -> None:
    Path(".env").write_text(f"HAND100M_{name}='{value}'\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert words in str(caught.value)


def test_several_malformed_values_are_all_named() -> None:
    Path(".env").write_text("HAND100M_FRAME_STRIDE=0\nHAND100M_WORKERS=many\n")
    with pytest.raises(SettingsError, match=r"HAND100M_FRAME_STRIDE.*HAND100M_WORKERS"):
        load_settings()


def test_a_line_that_is_no_setting_is_refused_with_the_nearest_name() -> None:
    Path(".env").write_text("HAND100M_FRAMES_STRIDE=15\nHAND100M_XYZ=1\nOTHER_TOOL=1\nhand100m_workers=3\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value) == (
        ".env / environment: HAND100M_FRAMES_STRIDE is no setting; did you mean HAND100M_FRAME_STRIDE?; "
        "HAND100M_XYZ is no setting. See .env.example (`hand100m init` writes it)."
    )


def test_a_misspelt_variable_is_refused_too_but_others_may_share_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*OTHER_VARIABLES - {"env_file"}, "backup_host"):
        monkeypatch.setenv(f"HAND100M_{name.upper()}", "x")
    assert load_settings().frame_stride == 30
    monkeypatch.setenv("HAND100M_COLOR_RULE", "opencv4")
    with pytest.raises(SettingsError, match=r"HAND100M_COLOR_RULE is no setting; did you mean HAND100M_COLOUR_RULE\?"):
        load_settings()


def test_no_variable_that_the_repository_reads_is_refused() -> None:
    """Each `HAND100M_...` of the project is a setting or one of the few others."""
    root = EXAMPLE.parent
    files = [*root.glob("deploy/**/*"), *root.glob("benchmarks/**/*.py"), root / "Makefile", *root.glob(".ci/*")]
    text = "".join(file.read_text() for file in files if file.is_file())
    named = {name.lower() for name in re.findall(r"HAND100M_([A-Z][A-Z0-9_]+)", text)}
    assert named - Settings.model_fields.keys() <= OTHER_VARIABLES


def test_annotated_sets_may_differ_by_source() -> None:
    settings = Settings(_env_file=None, annotated_sets=["ego4d/topk-5-50k", "simhand-50k"])
    assert settings.annotated_sets_of(EGO4D) == ["topk-5-50k", "simhand-50k"]
    assert settings.annotated_sets_of(DOH) == ["simhand-50k"]


def test_folders_follow_the_data_root_unless_set() -> None:
    settings = Settings(_env_file=None, data_root=Path("/data"), doh_videos_dir=Path("/mnt/100DOH"))
    assert settings.folders(EGO4D).videos_dir == Path("/data/ego4d/v1/full_scale")
    assert settings.folders(DOH).videos_dir == Path("/mnt/100DOH")
    assert settings.folders(DOH).list_file == Path("/data/100doh_valid_name_list.txt")
    resolved = settings.resolved()
    assert resolved.ego4d_annotations_dir == Path("/data/annotations/Ego4D")
    assert [resolved.folders(source) for source in (EGO4D, DOH)] == [settings.folders(s) for s in (EGO4D, DOH)]


def test_workers_are_one_a_core_unless_set() -> None:
    assert Settings(_env_file=None, workers=3).worker_count == 3
    assert Settings(_env_file=None).worker_count >= 1


EXAMPLE_LINE = re.compile(r"(?P<off>#?)HAND100M_(?P<name>[A-Z0-9_]+)=(?P<value>.*)")


def test_the_example_file_lists_exactly_the_settings_that_exist() -> None:
    names = [m["name"].lower() for line in EXAMPLE.read_text().splitlines() if (m := EXAMPLE_LINE.fullmatch(line))]
    assert sorted(names) == sorted(Settings.model_fields)


def test_the_example_file_shows_the_true_defaults_and_examples_that_are_valid() -> None:
    for line in EXAMPLE.read_text().splitlines():
        match = EXAMPLE_LINE.fullmatch(line)
        if match is None:
            continue
        name = match["name"].lower()
        Path(".env").write_text(f"HAND100M_{match['name']}={match['value']}\n")
        shown, default = getattr(load_settings(), name), Settings.model_fields[name].default
        assert (shown == default) == (not match["off"]), line


def test_every_setting_is_explained_above_its_line() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if EXAMPLE_LINE.fullmatch(line):
            assert lines[number - 1].startswith("#") or EXAMPLE_LINE.fullmatch(lines[number - 1]), line


def test_settings_survive_as_json_for_the_ui() -> None:
    settings = Settings(_env_file=None, expected_totals={"ego4d/x": (1, 2)}, image_prefixes={"a/": Path("/b")})
    again = Settings.model_validate(json.loads(json.dumps(settings.model_dump(mode="json"))))
    assert again == settings


@pytest.mark.parametrize("more", ["", "HAND100M_DASK_SCHEDULER=tcp://a:1\nHAND100M_DASK_QUEUE=slurm\n"])
def test_a_dask_cluster_is_either_one_that_runs_or_one_to_be_started(
    more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"HAND100M_EXECUTION=dask\n{more}")
    monkeypatch.setenv("HAND100M_ENV_FILE", str(tmp_path / ".env"))
    with pytest.raises(SettingsError, match=r"HAND100M_EXECUTION: .*either dask_scheduler or dask_queue"):
        load_settings()


# What else people save as a settings file.

GOOD = "HAND100M_OUTPUT_ROOT=/somewhere\nHAND100M_FRAME_STRIDE=7\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_utf_8_is_read_with_or_without_its_mark(encoding: str, newline: str) -> None:
    Path(".env").write_bytes(GOOD.replace("\n", newline).encode(encoding))
    settings = load_settings()
    assert (settings.output_root, settings.frame_stride) == (Path("/somewhere"), 7)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (GOOD.encode("utf-16"), "is UTF-16, not UTF-8 text"),
        (GOOD.encode("utf-16-be"), "is UTF-16 or binary, not UTF-8 text"),
        (GOOD.encode("utf-16-le"), "is UTF-16 or binary, not UTF-8 text"),
        (GOOD.encode("utf-32"), "is UTF-32, not UTF-8 text"),
        ("A=1\nHAND100M_DATA_ROOT=/données\n".encode("latin-1"), "line 2 has the byte 0xe9"),
    ],
)
def test_another_encoding_is_one_error_that_says_which(data: bytes, words: str) -> None:
    Path(".env").write_bytes(data)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert words in str(raised.value) and "UTF-8" in (raised.value.fix or "")


@pytest.mark.parametrize(
    "line",
    [
        "HAND100M_FRAME_STRIDE: 7",
        "HAND100M_FRAME_STRIDE 7",
        "HAND100M_FRAME_STRIDE",
        "export HAND100M_FRAME_STRIDE",
        "set HAND100M_FRAME_STRIDE=7",
        '$env:HAND100M_FRAME_STRIDE = "7" # PowerShell',
        'HAND100M_OUTPUT_ROOT="/no/end',
        "just words",
        "[section]",
    ],
)
def test_a_line_that_would_do_nothing_is_refused_with_its_number(line: str) -> None:
    Path(".env").write_text(f"# a comment\n\nHAND100M_WORKERS=1\n{line}\n")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "line 4" in str(raised.value) or "is no setting" in str(raised.value)


@pytest.mark.parametrize(
    "line",
    [
        "HAND100M_FRAME_STRIDE=7",
        "export HAND100M_FRAME_STRIDE=7",
        "HAND100M_FRAME_STRIDE = 7",
        "HAND100M_FRAME_STRIDE='7'",
        'HAND100M_FRAME_STRIDE="7"   # a comment',
        "  HAND100M_FRAME_STRIDE=7  ",
    ],
)
def test_every_usual_way_to_write_a_line_is_read(line: str) -> None:
    Path(".env").write_text(f"\n# HAND100M_WORKERS: 2\n{line}\n")
    assert load_settings().frame_stride == 7


FOLDERS = [name for name, field in Settings.model_fields.items() if "Path" in str(field.annotation)]


@pytest.mark.parametrize("where", ["file", "environment"])
@pytest.mark.parametrize("name", FOLDERS)
def test_every_folder_may_begin_with_the_home_folder(name: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    is_mapping = name == "image_prefixes"
    value = '{"x/": "~/frames"}' if is_mapping else "~/some where"
    if where == "file":
        Path(".env").write_text(f"HAND100M_{name.upper()}={value}\n")
    else:
        monkeypatch.setenv(f"HAND100M_{name.upper()}", value)
    found = getattr(load_settings(), name)
    assert found == ({"x/": Path.home() / "frames"} if is_mapping else Path.home() / "some where")


@pytest.mark.parametrize("value", ["$NOWHERE/x", "~nobody_has_this_name/x"])
def test_a_folder_that_only_a_shell_would_understand_is_refused(value: str) -> None:
    Path(".env").write_text(f"HAND100M_OUTPUT_ROOT={value}\n")
    with pytest.raises(SettingsError, match="HAND100M_OUTPUT_ROOT"):
        load_settings()


def test_the_settings_file_itself_may_lie_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "settings.env").write_text("HAND100M_FRAME_STRIDE=7\n")
    monkeypatch.setenv(ENV_FILE_VARIABLE, "~/settings.env")
    assert load_settings().frame_stride == 7


def test_the_address_of_the_code_is_that_of_a_page_not_of_a_clone() -> None:
    assert Settings(_env_file=None, code_url="https://github.com/somebody/hands.git/").code_url.endswith("/hands")
