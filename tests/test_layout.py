"""The folders are packages of their own: nobody else may ship them, none hides another."""

import importlib
import importlib.metadata
import pathlib
import sys
from collections import Counter

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


def test_no_folder_of_the_product_holds_more_than_16_modules() -> None:
    modules = [
        path
        for package in PACKAGES
        for suffix in ("*.py", "*.js")
        for path in (ROOT / package).rglob(suffix)
        if path.name not in ("__init__.py", "__main__.py")
    ]
    crowded = {folder: n for folder, n in Counter(m.parent for m in modules).items() if n > 16}
    assert crowded == {}


def test_no_package_is_called_like_one_of_the_standard_library() -> None:
    assert not set(PACKAGES) & sys.stdlib_module_names


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []
