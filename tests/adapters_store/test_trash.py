from pathlib import Path

import pytest

from adapters_store.trash import KEPT_DAYS, Trash

DAY = 86400.0
NOW = 1_000_000_000.0  # 2001-09-09


@pytest.fixture
def trash(tmp_path: Path) -> Trash:
    return Trash(tmp_path / "trash")


def throw_away(trash: Trash, name: str, at: float = NOW, content: str = "") -> None:
    thrown = trash.root.parent / name
    thrown.mkdir()
    (thrown / "weights").write_text(content)
    trash.put(thrown, at)


def test_a_trash_that_was_never_used_is_empty(trash: Trash, tmp_path: Path) -> None:
    trash.prune(NOW, keep=())
    trash.erase(lambda name: True)
    assert not trash.take_back("one", tmp_path / "one")
    assert not trash.root.exists()


def test_what_is_thrown_away_is_kept_for_some_days(trash: Trash, tmp_path: Path) -> None:
    throw_away(trash, "one")
    trash.prune(NOW + KEPT_DAYS * DAY, keep=())
    assert trash.take_back("one", tmp_path / "one")


def test_after_that_it_is_deleted(trash: Trash) -> None:
    throw_away(trash, "one")
    throw_away(trash, "two", NOW + 2 * DAY)
    trash.prune(NOW + (KEPT_DAYS + 1) * DAY, keep=())
    assert [path.name for path in trash.root.glob("*/*")] == ["two"]
    assert len(list(trash.root.iterdir())) == 1


def test_pruning_keeps_what_the_database_names_again(trash: Trash, tmp_path: Path) -> None:
    throw_away(trash, "one")
    trash.prune(NOW + 99 * DAY, keep={"one"})
    assert trash.take_back("one", tmp_path / "one")


def test_the_newest_of_two_comes_back(trash: Trash, tmp_path: Path) -> None:
    throw_away(trash, "one", content="old")
    throw_away(trash, "one", NOW + DAY, content="new")
    assert trash.take_back("one", tmp_path / "one")
    assert (tmp_path / "one" / "weights").read_text() == "new"


def test_a_copy_that_was_put_back_can_be_thrown_away_again(trash: Trash) -> None:
    for content in ("first", "second"):
        throw_away(trash, "one", content=content)
    [weights] = trash.root.glob("*/one/weights")
    assert weights.read_text() == "second"


def test_erasing_deletes_by_name_at_once(trash: Trash) -> None:
    throw_away(trash, "ann-1")
    throw_away(trash, "bob-1")
    trash.erase(lambda name: name.startswith("ann"))
    assert [path.name for path in trash.root.glob("*/*")] == ["bob-1"]


def test_a_folder_that_is_no_day_is_left_alone(trash: Trash) -> None:
    (trash.root / "notes").mkdir(parents=True)
    trash.prune(NOW, keep=())
    assert (trash.root / "notes").is_dir()
