"""How much memory there is: of the machine, and of the control groups around this process."""

from pathlib import Path

import pytest

from server.base_model.machine_memory import available_memory, memory_in_use, rooms_of_groups

STAT = "anon 1\ninactive_file {unused}\ntotal_inactive_file {unused}\nactive_file 5\n"


def limit(group: Path, *, most: str, used: int, unused: int = 0, version: int = 2) -> None:
    group.mkdir(parents=True, exist_ok=True)
    names = {1: ("memory.limit_in_bytes", "memory.usage_in_bytes")}
    most_file, used_file = names.get(version, ("memory.max", "memory.current"))
    (group / most_file).write_text(f"{most}\n")
    (group / used_file).write_text(f"{used}\n")
    (group / "memory.stat").write_text(STAT.format(unused=unused))


def test_this_process_uses_memory_and_may_take_more() -> None:
    assert 10_000_000 < memory_in_use() < 1 << 45
    assert 0 < available_memory() < 1 << 45


def test_every_group_around_the_process_counts(tmp_path: Path) -> None:
    limit(tmp_path / "outer", most="5000", used=1000)
    limit(tmp_path / "outer" / "inner", most="3000", used=500)
    assert sorted(rooms_of_groups("0::/outer/inner\n", tmp_path)) == [2500, 4000]


def test_files_that_nobody_uses_count_as_free(tmp_path: Path) -> None:
    limit(tmp_path, most="5000", used=4000, unused=300)
    assert rooms_of_groups("0::/\n", tmp_path) == [1300]


@pytest.mark.parametrize("group", ["/", "/not/there"])
def test_a_group_without_a_limit_or_a_folder_has_no_room_to_tell(
    tmp_path: Path, group: str
) -> None:
    limit(tmp_path, most="max", used=4000)
    assert rooms_of_groups(f"0::{group}\n", tmp_path) == []


def test_groups_of_the_first_version_are_read_too(tmp_path: Path) -> None:
    limit(tmp_path / "memory" / "box", most="900", used=100, version=1)
    groups = "5:cpu,cpuacct:/box\n4:memory:/box\n0::/\n"
    assert rooms_of_groups(groups, tmp_path) == [800]
