"""Experiment files by path, or by the name of one that barehop brings along."""

from pathlib import Path

import harness
from harness.errors import ConfigError
from harness.experiment.wording import guess, shortened

PACKAGED = Path(harness.__file__).parents[1] / "configs"


def located(config: Path) -> Path:
    """The file itself, or the packaged configuration of that name. Raises ConfigError."""
    packaged = PACKAGED / f"{config.stem}.toml"
    by_name = config.parent in (Path(), Path("configs")) and config.suffix in ("", ".toml")
    if config.is_file():
        return config
    if by_name and packaged.is_file():
        return packaged
    if config.exists():
        return config  # a pipe, a directory: its reader says so
    names = [path.stem for path in all_packaged()]
    near = guess(config.stem, names) if by_name else ""
    way_out = near or f" Give the path of an experiment file, or one of these: {', '.join(names)}."
    raise ConfigError(f"There is no file {shortened(str(config))}.{way_out}")


def is_name(word: str) -> bool:
    """Whether `word` is a packaged configuration's name."""
    return word in [path.stem for path in all_packaged()] and not Path(word).exists()


def all_packaged() -> list[Path]:
    return sorted(PACKAGED.glob("*.toml"))
