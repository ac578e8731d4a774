"""Find experiment files by path, or by the name of a packaged one."""

from pathlib import Path

import harness
from harness.errors import ConfigError
from harness.experiment.wording import guess, shortened

PACKAGED = Path(harness.__file__).parents[1] / "configs"


def located(config: Path) -> Path:
    """Return `config` if it is a file, or else the packaged configuration of that name. Raises ConfigError."""
    packaged = PACKAGED / f"{config.stem}.toml"
    by_name = config.parent in (Path(), Path("configs")) and config.suffix in ("", ".toml")
    if config.is_file():
        return config
    if by_name and packaged.is_file():
        return packaged
    if config.exists():
        return config  # a pipe, a directory: the reader reports it
    names = [path.stem for path in all_packaged()]
    near = guess(config.stem, names) if by_name else ""
    way_out = near or f" Give the path of an experiment file, or one of these: {', '.join(names)}."
    raise ConfigError(f"There is no file {shortened(str(config))}.{way_out}")


def is_name(word: str) -> bool:
    """Return whether `word` is the name of a packaged configuration, and no file."""
    return word in [path.stem for path in all_packaged()] and not Path(word).exists()


def all_packaged() -> list[Path]:
    """Return the paths of all packaged configurations."""
    return sorted(PACKAGED.glob("*.toml"))
