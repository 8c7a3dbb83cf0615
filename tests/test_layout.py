"""The folders are packages of their own: nobody else may ship them, none hides another."""

import importlib
import importlib.metadata
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ("server", "scheduler", "feedback", "adapters_store")


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_ships_a_package_of_this_name(package: str) -> None:
    owners = importlib.metadata.packages_distributions().get(package, [])
    assert set(owners) <= {"loralei"}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_package_that_is_imported_is_the_one_beside_the_tests(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    assert pathlib.Path(module.__file__).parent == ROOT / package


def test_no_module_is_called_like_a_top_level_package() -> None:
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    hidden = {path for path in modules if path.stem in PACKAGES}
    assert hidden == set()


def test_no_package_is_called_like_one_of_the_standard_library() -> None:
    assert not set(PACKAGES) & sys.stdlib_module_names


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []
