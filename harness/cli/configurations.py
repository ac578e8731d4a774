"""Experiment files by path, or by the name of one that barehop brings along."""

from pathlib import Path

import harness
from harness.errors import ConfigError

PACKAGED = Path(harness.__file__).parents[1] / "configs"


def located(config: Path) -> Path:
    """The file itself, or the packaged configuration of that name. Raises ConfigError."""
    packaged = PACKAGED / f"{config.stem}.toml"
    by_name = config.parent in (Path(), Path("configs")) and config.suffix in ("", ".toml")
    if config.is_file():
        return config
    if by_name and packaged.is_file():
        return packaged
    names = ", ".join(path.stem for path in all_packaged())
    raise ConfigError(f"There is no file {config}. Give the path of an experiment file, or one of these: {names}.")


def is_name(word: str) -> bool:
    """Whether `word` is a packaged configuration's name."""
    return word in [path.stem for path in all_packaged()] and not Path(word).exists()


def all_packaged() -> list[Path]:
    return sorted(PACKAGED.glob("*.toml"))
