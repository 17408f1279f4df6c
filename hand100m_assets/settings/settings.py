"""Reads all settings, from one `.env` file and from `HAND100M_*` variables. No other module reads the environment."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfoNotFoundError

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as SettingsSourceError
from tzlocal import get_localzone_name

from hand100m_assets.dataset import CropOptions
from hand100m_assets.errors import SettingsError
from hand100m_assets.layout import EXPORT_FORMATS, ExportImages, OutputLayout
from hand100m_assets.pairs import EmbeddingOptions
from hand100m_assets.parallel import DaskCluster, DaskQueue
from hand100m_assets.set_names import DEFAULT_NAME_PATTERN, name_pattern
from hand100m_assets.settings.asset_labels import why_no_owner, why_no_tag
from hand100m_assets.settings.faults import in_words, named, no_json
from hand100m_assets.settings.file import ENCODING, insist_on_settings
from hand100m_assets.settings.time_zones import why_no_zone
from hand100m_assets.sources import DOH, EGO4D, SOURCES, Source
from hand100m_assets.video.frames import Limits

ENV_FILE_VARIABLE: Final = "HAND100M_ENV_FILE"
"""Environment variable that names the settings file; if unset, it is `.env` in the working directory."""

OTHER_VARIABLES: Final = frozenset(
    {"env_file", "postgres_url", "broker_url", "results_url", "reference_dir", "bench_torchcodec_python"}
)
"""Variables with the same prefix that deploy/, the benchmarks and the tests read."""


DEFAULT_EXPORT_PREFIX: Final = "{source}/frames"
"""The folder of the frames below the output root."""


@dataclass(frozen=True)
class SourceFolders:
    """The input paths of one source, resolved; they need not exist.

    Attributes:
        videos_dir: Folder of the mp4 files.
        list_file: The official list of videos.
        annotations_dir: Folder of the annotation JSON files.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> from hand100m_assets.sources import EGO4D
        >>> load_settings().folders(EGO4D).videos_dir.as_posix()
        'data/ego4d/v1/full_scale'
    """

    videos_dir: Path
    list_file: Path
    annotations_dir: Path


class Settings(BaseSettings):
    """All choices of the user, each with a working default; `.env.example` describes them.

    Each field is also an environment variable: `frame_stride` is `HAND100M_FRAME_STRIDE`. `load_settings` also reads
    the settings file, and its errors name the variable at fault.

    Raises:
        pydantic.ValidationError: A value is malformed; correct it.

    Example:
        >>> from hand100m_assets.settings import Settings
        >>> settings = Settings(output_root="my_output", frame_stride=15)
        >>> settings.frame_stride, settings.output_root.name
        (15, 'my_output')
    """

    model_config = SettingsConfigDict(env_prefix="HAND100M_", env_file_encoding=ENCODING, extra="ignore")

    data_root: Path = Field(Path("data"), description="Folder that contains ego4d/, 100DOH/ and annotations/.")
    output_root: Path = Field(Path("output"), description="Folder for frames, tables and pictures.")

    ego4d_videos_dir: Path | None = Field(None, description="Folder of the Ego4D mp4 files.")
    ego4d_list_file: Path | None = Field(None, description="The Ego4D list, ego4d_name_list.txt.")
    ego4d_annotations_dir: Path | None = Field(None, description="Folder of the Ego4D annotation JSON files.")
    doh_videos_dir: Path | None = Field(None, description="Folder of the 100DOH mp4 files.")
    doh_list_file: Path | None = Field(None, description="The 100DOH list, 100doh_valid_name_list.txt.")
    doh_annotations_dir: Path | None = Field(None, description="Folder of the 100DOH annotation JSON files.")

    frame_selection: Literal["stride", "annotated"] = Field(
        "stride",
        description="`stride`: every N-th frame; `annotated`: only frames that annotation sets name.",
    )
    frame_stride: int = Field(30, ge=1, description="Distance between two taken frames; 30 takes every 30th frame.")
    annotated_sets: list[str] = Field(
        default=[],
        description="Sets that `annotated` uses, as `<source>/<set>` or `<set>`; a source without entries uses all.",
        examples=[["ego4d/simhand-50k"]],
    )
    jpeg_quality: int = Field(95, ge=1, le=100, description="OpenCV JPEG quality; the original uses 95.")
    colour_rule: Literal["opencv5", "opencv4"] = Field(
        "opencv5",
        description="`opencv5` uses the colour matrix that a stream names (BT.709); `opencv4` always uses BT.601.",
    )
    image_prefixes: dict[str, Path] = Field(
        default={},
        description="Prefix of `file_name` in the annotations -> folder that contains these images.",
        examples=[{"hand100m/": "/mnt/frames"}],
    )
    annotation_name_pattern: str = Field(
        DEFAULT_NAME_PATTERN.pattern,
        description="Regular expression for annotation file names without suffix; groups source, name, family, scale.",
    )
    export_prefix: str = Field(
        DEFAULT_EXPORT_PREFIX,
        description="Folder of the frames in exported file names; {source} becomes ego4d or 100doh.",
    )
    export_formats: list[Literal["original", "coco"]] = Field(
        default=list(EXPORT_FORMATS),
        description="Formats in which the export asset writes each set.",
        examples=[["original", "coco"]],
    )
    coco_images: ExportImages = Field(
        "all", description="Whether COCO files hold all hands, or only hands whose image is on disk."
    )
    joint_order: Literal["mediapipe", "by_joint"] = Field(
        "mediapipe",
        description="Order of the 21 keypoints: wrist, then finger by finger; or wrist, then all MCPs, all PIPs, ...",
    )

    workers: int = Field(0, ge=0, description="Worker processes for extraction; 0 means one per core.")
    execution: Literal["local", "dask"] = Field(
        "local", description="Where videos are processed: on this machine or on a Dask cluster."
    )
    dask_scheduler: str = Field("", description="Address of a running Dask scheduler, or its scheduler file.")
    dask_queue: DaskQueue | None = Field(None, description="Batch system that starts the Dask workers.")
    dask_queue_jobs: int = Field(1, ge=1, description="Number of worker jobs that are requested from the batch system.")
    dask_queue_options: dict[str, Any] = Field(
        default={},
        description="Arguments of the cluster class of dask-jobqueue: cores, memory, walltime, queue and so on.",
        examples=[{"cores": 8, "memory": "16GB"}],
    )
    videos_per_run: int = Field(200, ge=1, description="Maximum number of videos in one run.")
    videos_per_tick: int = Field(500, ge=1, description="Maximum number of videos that one sensor tick requests.")
    nightly_videos: int = Field(2000, ge=1, description="Maximum number of videos that one night requests.")
    time_zone: str = Field(
        "", description="Time zone of the schedules, such as Europe/Vienna; empty: the zone of this machine."
    )
    sensor_interval_s: int = Field(60, ge=5, description="Seconds between two looks at a folder.")
    max_video_hours: float = Field(
        24, gt=0, description="Longer videos are refused, by their header or by their decoded frames."
    )
    max_seconds_per_video: float = Field(21_600, gt=0, description="Work on one video stops after so many seconds.")

    audit_videos: int = Field(5, ge=0, description="Number of finished videos that one audit compares; 0: none.")
    audit_frames_per_video: int = Field(10, ge=1, description="Number of JPEGs per video that the audit compares.")

    mine_neighbours: int = Field(
        10, ge=1, le=100, description="Number of nearest hands of other videos that are mined per hand."
    )
    mine_engine: Literal["exact", "faiss"] = Field(
        "exact", description="How hands are mined; `faiss` is approximate and needs the extra `ann`."
    )
    mine_annotations: bool = Field(
        True, description="Whether mined pairs are also written as an annotation file in the original schema."
    )
    embedding_mirror: bool = Field(True, description="Whether left hands are compared as their mirror images.")
    embedding_centre: Literal["crop", "wrist"] = Field(
        "crop", description="Point on which poses are centred for mining."
    )
    embedding_remove_scale: bool = Field(True, description="Whether the size of a hand in its crop is removed.")
    embedding_remove_rotation: bool = Field(False, description="Whether the rotation in the image plane is removed.")
    embedding_components: int = Field(14, ge=0, le=42, description="Principal components kept; 0: all 42 coordinates.")

    training_set_from: Literal["frames", "videos"] = Field(
        "frames", description="What crops are cut from: extracted frames, or directly the videos."
    )
    training_set_codec: Literal["jpeg", "webp", "png"] = Field(
        "jpeg", description="How crops are stored; webp and png are lossless."
    )
    training_set_jpeg_quality: int = Field(
        98, ge=1, le=100, description="Quality of jpeg crops, which have full chroma."
    )
    training_set_size_px: int = Field(
        224, ge=224, le=4096, description="Side length to which larger crops are reduced."
    )
    training_set_margin: float = Field(
        0, ge=0, le=1, description="Margin that is kept on each side of a crop, as a share of its side."
    )
    training_set_shard_samples: int = Field(2000, ge=1, description="Approximate number of crops in one tar file.")
    training_set_audit: int = Field(
        50, ge=0, description="Number of crops per set that the check cuts again and compares; 0: none."
    )

    max_look_age_hours: float = Field(
        24, gt=0, description="A check warns if the last successful look at the downloads is older, in hours."
    )
    grid_seed: int = Field(
        0, ge=0, description="Seed for the choice of the shown pairs, if there is no published choice."
    )
    max_missing_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Checks fail if more than this share is missing: of images, grid cells or training samples.",
    )
    output_url: str = Field(
        "", description="Address at which a web server shows the output folder; empty: there is none."
    )
    asset_owners: list[str] = Field(
        default=["team:hand100m"],
        description="Owners that the UI shows for each asset: e-mail addresses, or `team:` and a name.",
        examples=[["team:hands", "ada@example.org"]],
    )
    asset_tags: dict[str, str] = Field(
        default={"dataset": "hand100m"},
        description="Tags that each asset gets in the UI, for searching.",
        examples=[{"dataset": "hand100m", "project": "pretraining"}],
    )
    code_url: str = Field(
        "",
        description="Address of the code on GitHub or GitLab for links from assets; empty: links lead to local files.",
    )
    expected_totals: dict[str, tuple[int, int]] = Field(
        default={"ego4d/simhand-50k": (49_930, 50_000)},
        description="`<source>/<set>` -> numbers of images and hands that its file must hold.",
        examples=[{"ego4d/simhand-50k": [49_930, 50_000]}],
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_empty_path(cls, value: object, info: ValidationInfo) -> object:
        """Refuse an empty path: it would mean the working directory, which is never intended."""
        if value == "" and "Path" in str(cls.model_fields[str(info.field_name)].annotation):
            raise ValueError("is empty; name a folder or file, or delete the line")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _has_no_shell_words(cls, value: object) -> object:
        """Replace `~` and refuse `$NAME` at the beginning of a path, because no shell reads the settings file."""
        if isinstance(value, Path):
            return _at_home(value)
        if isinstance(value, dict):
            return {key: _at_home(each) if isinstance(each, Path) else each for key, each in value.items()}
        return value

    @field_validator("dask_scheduler")
    @classmethod
    def _may_be_a_file(cls, text: str) -> str:
        return str(_at_home(Path(text))) if text.startswith("~") else text

    @field_validator("annotated_sets")
    @classmethod
    def _names_known_sources(cls, sets: list[str]) -> list[str]:
        known = [source.name for source in SOURCES]
        for name in sets:
            owner, _, key = name.rpartition("/")
            if not key or (owner and owner not in known):
                raise ValueError(f"{name!r} is neither <set> nor <source>/<set>; sources are {', '.join(known)}")
        return sets

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        fault = why_no_zone(name) if name else None
        if fault is not None:
            raise ValueError(fault)
        return name

    @field_validator("asset_owners")
    @classmethod
    def _are_owners(cls, owners: list[str]) -> list[str]:
        for fault in filter(None, map(why_no_owner, owners)):
            raise ValueError(fault)
        return owners

    @field_validator("asset_tags")
    @classmethod
    def _are_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        for fault in filter(None, (why_no_tag(name, value) for name, value in tags.items())):
            raise ValueError(fault)
        return tags

    @field_validator("code_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url and not url.startswith(("https://", "http://")):
            raise ValueError(f"{url!r} is no address of a web page; it begins with https://")
        return url.rstrip("/").removesuffix(".git")

    @field_validator("annotation_name_pattern")
    @classmethod
    def _names_sets(cls, text: str) -> str:
        return name_pattern(text).pattern

    @model_validator(mode="after")
    def _knows_where_to_work(self) -> Settings:
        if self.execution == "dask" and bool(self.dask_scheduler) == (self.dask_queue is not None):
            raise ValueError("execution `dask` needs either dask_scheduler or dask_queue, and not both")
        return self

    @property
    def name_pattern(self) -> re.Pattern[str]:
        """The regular expression for names of annotation files."""
        return name_pattern(self.annotation_name_pattern)

    def folders(self, source: Source) -> SourceFolders:
        """Resolve the input paths of one source: the explicit settings, or else places below the data root.

        Args:
            source: Ego4D or 100DOH.

        Returns:
            Paths; they need not exist.
        """
        prefix = "ego4d" if source is EGO4D else "doh"
        return SourceFolders(
            videos_dir=getattr(self, f"{prefix}_videos_dir") or self.data_root / source.videos_dir,
            list_file=getattr(self, f"{prefix}_list_file") or self.data_root / source.list_file,
            annotations_dir=getattr(self, f"{prefix}_annotations_dir") or self.data_root / source.annotations_dir,
        )

    def resolved(self) -> Settings:
        """Copy the settings with explicit paths for every input folder.

        Returns:
            Equivalent settings.
        """
        folders = {
            f"{prefix}_{name}": getattr(self.folders(source), name)
            for prefix, source in (("ego4d", EGO4D), ("doh", DOH))
            for name in ("videos_dir", "list_file", "annotations_dir")
        }
        return self.model_copy(update=folders)

    def annotated_sets_of(self, source: Source) -> list[str]:
        """Return the sets of one source that choose its frames.

        Args:
            source: Ego4D or 100DOH.

        Returns:
            Keys of the sets; an empty list means all sets that have tables.
        """
        named = (name.rpartition("/") for name in self.annotated_sets)
        return [key for owner, _, key in named if owner in ("", source.name)]

    def output(self, source: Source) -> OutputLayout:
        """Return the output paths of one source.

        Args:
            source: Ego4D or 100DOH.

        Returns:
            Paths of all folders and files that the project writes.
        """
        return OutputLayout(self.output_root, source)

    def output_url_of(self, file: Path) -> str | None:
        """Return the address at which a web server shows a file.

        Args:
            file: A file below the output root.

        Returns:
            The address; None if `output_url` is not set.
        """
        if not self.output_url:
            return None
        return f"{self.output_url.rstrip('/')}/{quote(file.relative_to(self.output_root).as_posix())}"

    @property
    def schedule_time_zone(self) -> str:
        """Name of the time zone of the schedules: the setting, else the zone of this machine, else UTC."""
        if self.time_zone:
            return self.time_zone
        try:
            return get_localzone_name() or "UTC"
        except (ZoneInfoNotFoundError, ValueError, OSError):  # the machine's own is no zone that has a name
            return "UTC"

    @property
    def limits(self) -> Limits:
        """Limits on one video: its length, and the time to process it."""
        return Limits(max_video_hours=self.max_video_hours, max_seconds=self.max_seconds_per_video)

    @property
    def embedding(self) -> EmbeddingOptions:
        """How keypoints become the vectors that mining compares."""
        return EmbeddingOptions(
            centre=self.embedding_centre,
            remove_scale=self.embedding_remove_scale,
            remove_rotation=self.embedding_remove_rotation,
            components=self.embedding_components,
            mirror=self.embedding_mirror,
        )

    @property
    def crop_options(self) -> CropOptions:
        """How the crops of a training set are stored."""
        return CropOptions(
            codec=self.training_set_codec,
            jpeg_quality=self.training_set_jpeg_quality,
            size_px=self.training_set_size_px,
            margin=self.training_set_margin,
        )

    @property
    def dask_cluster(self) -> DaskCluster:
        """The cluster that processes videos if `execution` is `dask`."""
        return DaskCluster(
            scheduler=self.dask_scheduler,
            queue=self.dask_queue,
            queue_jobs=self.dask_queue_jobs,
            queue_options=self.dask_queue_options,
        )

    @property
    def worker_count(self) -> int:
        """Number of worker processes to start: the setting, or one per core that this process may use."""
        if self.workers:
            return self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _at_home(path: Path) -> Path:
    """The same with a leading `~` or `~user` replaced.

    Raises:
        ValueError: There is no such user, or the path begins with a variable.
    """
    if str(path).startswith("$"):
        raise ValueError(f"{path} begins with a variable; write ${{NAME}} in the settings file, or the whole path")
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path.parts[0]} is no user's home here") from error


def installation() -> str:
    """Identify this installation: the machine, and the settings file or else the working directory.

    Returns:
        Name of the machine, a colon and an absolute path.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.settings import installation
        >>> installation().endswith(str(Path.cwd()))
        True
    """
    named = os.environ.get(ENV_FILE_VARIABLE)
    return f"{socket.gethostname()}:{Path(named).expanduser().resolve() if named else Path.cwd()}"


def settings_file() -> Path | None:
    """Say which settings file is read.

    Returns:
        Its absolute path; None where `HAND100M_ENV_FILE` names none and the working directory has no `.env`.

    Example:
        >>> from pathlib import Path
        >>> from hand100m_assets.settings import settings_file
        >>> _ = Path(".env").write_text("HAND100M_FRAME_STRIDE=30")
        >>> settings_file() == Path.cwd() / ".env"
        True
    """
    file = (_named_file() or Path(".env")).absolute()
    return file if file.is_file() else None


def _named_file() -> Path | None:
    """The settings file that the environment names; None if it names none."""
    named = os.path.expanduser(os.environ.get(ENV_FILE_VARIABLE, ""))  # noqa: PTH111 - `Path` raises for nobody's
    return Path(named) if named else None


def load_settings() -> Settings:
    """Read the settings file and the environment; environment variables override the file.

    The file is `.env` in the working directory, or the file that `HAND100M_ENV_FILE` names. Without a file and without
    variables, all settings have their defaults.

    Returns:
        The settings.

    Raises:
        SettingsError: A value is malformed, or a name is not a setting; the message names each variable at fault.

    Example:
        >>> from hand100m_assets.settings import load_settings
        >>> load_settings().frame_stride
        30
    """
    chosen = _named_file()
    if chosen is not None and not chosen.is_file():
        raise SettingsError(
            "no such settings file",
            where=chosen,
            fix=f"Correct {ENV_FILE_VARIABLE}; `hand100m init` writes a settings file.",
        )
    file = chosen or Path(".env")
    where, fix = chosen or ".env / environment", "See .env.example (`hand100m init` writes it)."
    insist_on_settings(file)
    if unknown := list(_unknown_names(file)):
        raise SettingsError("; ".join(unknown), where=where, fix=fix)
    try:
        return Settings(_env_file=file)
    except ValidationError as error:
        raise SettingsError("; ".join(map(_in_words, error.errors())), where=where, fix=fix) from error
    except SettingsSourceError as error:
        # Lists and mappings are read as JSON before anything is validated; only the message tells which it was.
        field = re.search(r'field "(\w+)"', str(error))
        variable = f"HAND100M_{field[1].upper()}" if field else str(error)
        fault = no_json(error.__cause__, Settings.model_fields.get(field[1]) if field else None)
        raise SettingsError(f"{variable}: {fault}", where=where, fix=fix) from error


def _in_words(fault: ErrorDetails) -> str:
    """One fault under the name of its variable; of execution, when several settings do not fit each other."""
    name, *place = fault["loc"] or ("execution",)
    return f"{named(place, f'HAND100M_{name}'.upper())}: {in_words(fault, Settings.model_fields.get(str(name)))}"


def _unknown_names(env_file: Path) -> Iterator[str]:
    """Lines of the settings file that would do nothing, and variables that can only be meant for a setting.

    Others may use the prefix in the environment, but the file is ours alone.
    """
    prefix, known = "hand100m_", {*Settings.model_fields, *OTHER_VARIABLES}
    in_file = DotEnvSettingsSource(Settings, env_file=env_file, env_file_encoding=ENCODING).env_vars
    for variable in {**in_file, **EnvSettingsSource(Settings).env_vars}:
        name = variable.removeprefix(prefix)
        if name != variable and name not in known:
            nearest = get_close_matches(name, known, n=1, cutoff=0.6 if variable in in_file else 0.85)
            hint = f"; did you mean {prefix.upper()}{nearest[0].upper()}?" if nearest else ""
            if hint or variable in in_file:
                yield f"{variable.upper()} is no setting{hint}"
