"""The application to serve: where it is, what it imports, and names that it shares with ours."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.experiment.problems import to_toml
from harness.model import Settings
from harness.testbed.servers.gunicorn import app_directory
from harness.testbed.standalone.application_path import OWN_ROOT

# Packages that are imported by another name than they are installed by.
PACKAGE_OF_MODULE = {
    "MySQLdb": "mysqlclient", "PIL": "Pillow", "bs4": "beautifulsoup4", "corsheaders": "django-cors-headers",
    "cv2": "opencv-python", "dateutil": "python-dateutil", "decouple": "python-decouple", "dotenv": "python-dotenv",
    "environ": "django-environ", "jose": "python-jose", "jwt": "PyJWT",
    "multipart": "python-multipart", "psycopg2": "psycopg2-binary", "rest_framework": "djangorestframework",
    "sklearn": "scikit-learn", "yaml": "PyYAML",
}  # fmt: skip
GUNICORN_CHAINS = ("full", "app-direct")


def missing_module_problem(settings: Settings, python: str, missing: str, place: str) -> str:
    """Return why `missing`, which the line at `place` imports, is not found, in a sentence with advice."""
    directory = app_directory(settings)
    module = settings.app.partition(":")[0]
    if module == missing or module.startswith(f"{missing}."):
        return f"There is no module {missing!r} in {directory}. {_other_directory(settings)}"
    parent = missing.rpartition(".")[0]
    if parent:  # Python has found the parent: a missing package is reported by its first part only
        owner = directory if has_module(parent, directory) else f"the package {parent!r} of {python}"
        return (
            f"The application {settings.app} imports the module {missing!r}, which is not in {owner} ({place}). "
            f"Correct that name, or {'add the module' if owner == directory else 'install a release that has it'}."
        )
    places = [*_inner_places(settings), *_outer_places(settings, missing)]
    better = next(((directory, app) for directory, app in places if has_module(missing, directory)), None)
    if better:
        return (
            f"The application {settings.app} imports {missing!r}, which is in {better[0]} ({place}). "
            f"Set app_dir to {to_toml(str(better[0]))} and app to {to_toml(better[1])}."
        )
    return (
        f"The application {settings.app} needs the package {missing!r}, which {python} does not have. Install it: "
        f"{python} -m pip install {PACKAGE_OF_MODULE.get(missing, missing)}. Or set python to the Python that has it."
    )


def has_module(module: str, directory: Path) -> bool:
    """Return whether `module` is in `directory`: a file, or a package with or without an __init__.py."""
    place = directory.joinpath(*module.split("."))
    return place.with_name(f"{place.name}.py").is_file() or (place.is_dir() and any(place.glob("*.py")))


def _other_directory(settings: Settings) -> str:
    here, module = Path.cwd(), settings.app.partition(":")[0]
    if not settings.app_dir and has_module(module, here):
        return f"There is one in the current directory: set app_dir to {to_toml(str(here))}."
    return "Correct app, or set app_dir to the directory that it is imported from."


def _inner_places(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Yield the directories of the application's own packages, like src of src.main:app."""
    directory = app_directory(settings)
    module, colon, name = settings.app.partition(":")
    while "." in module:
        package, _, module = module.partition(".")
        directory /= package
        yield directory, f"{module}{colon}{name}"


def _outer_places(settings: Settings, missing: str) -> Iterator[tuple[Path, str]]:
    """Yield the directories above app_dir where app_dir is inside the package `missing` itself."""
    directory, app = app_directory(settings), settings.app
    while directory.name.isidentifier():
        directory, name = directory.parent, directory.name
        app = f"{name}.{app}"
        if name == missing:
            yield directory, app


def namesake_warnings(arms: Iterable[Settings], directory: Path) -> Iterator[str]:
    """Yield a sentence for each application without `app_dir` that also exists in `directory`."""
    if directory.resolve() == OWN_ROOT:
        return
    apps = (
        settings.app
        for settings in arms
        if not settings.url and not settings.app_dir and settings.chain in GUNICORN_CHAINS
    )
    for app in dict.fromkeys(apps):
        module = app.partition(":")[0]
        if has_module(module, OWN_ROOT) and has_module(module, directory):
            yield (
                f"The application {app} is barehop's own. The current directory contains one of the same name: "
                "--set arm.app_dir=. measures it."
            )
