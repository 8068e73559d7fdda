from __future__ import annotations

import errno
import io
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dashboard import folders as module
from dashboard.controls.upload import UploadArea
from dashboard.folders import Folders
from engine.errors import DataError, EngineError


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    root = tmp_path / "data"
    (root / "deep").mkdir(parents=True)
    for name in ("b.h5ad", "a.h5", "notes.txt", ".hidden.h5ad", "deep/c.h5ad"):
        (root / name).touch()
    (root / "out").symlink_to("/etc")
    (root / "near").symlink_to(root / "deep")
    return Folders(tmp_path / "uploads", root, most_bytes=1000)


class TestPaths:
    @pytest.mark.parametrize(
        "typed", ["/etc/passwd", "../x.h5ad", "deep/../../x", "out/passwd", "~root/x", "/", "a\0b"]
    )
    def test_nothing_outside_the_data_folder_is_opened(self, folders: Folders, typed: str) -> None:
        with pytest.raises(DataError):
            folders.find(typed)

    @pytest.mark.parametrize("typed", ["b.h5ad", "deep/c.h5ad", "./deep/../b.h5ad", "near/c.h5ad"])
    def test_relative_paths_begin_there(self, folders: Folders, typed: str) -> None:
        assert Path(folders.find(typed)).exists()

    def test_whole_paths_and_uploads_are_fine(self, folders: Folders) -> None:
        for path in (folders.data / "b.h5ad", folders.uploads / "mine.h5ad"):
            assert folders.find(str(path)) == str(path.resolve())

    def test_without_a_data_folder_anything_goes(self, tmp_path: Path) -> None:
        assert Folders(tmp_path).find("/etc/passwd") == "/etc/passwd"
        assert Folders(tmp_path).offered() == []

    def test_files_directly_in_it_are_offered(self, folders: Folders) -> None:
        assert folders.offered() == ["a.h5", "b.h5ad"]


class Sent(UploadArea):
    def _send_msg(self, data: object) -> None:
        self.sent = [*getattr(self, "sent", []), data]


class TestUploads:
    @pytest.fixture
    def arrived(self) -> list[Path]:
        return []

    @pytest.fixture
    def errors(self) -> list[EngineError]:
        return []

    @pytest.fixture
    def area(self, folders: Folders, arrived: list[Path], errors: list[EngineError]) -> Sent:
        return Sent(folders, arrived.append, errors.append)

    def left(self, folders: Folders) -> list[str]:
        return sorted(os.listdir(folders.uploads)) if folders.uploads.exists() else []

    def test_parts_become_a_file(self, area: Sent, folders: Folders, arrived: list[Path]) -> None:
        for _ in range(2):
            area._handle_msg({"do": "begin", "name": "my cells.h5ad", "size": 7})
            area._handle_msg({"do": "part", "at": 0, "bytes": b"abcd"})
            area._handle_msg({"do": "part", "at": 0, "bytes": b"abcd"})
            area._handle_msg({"do": "part", "at": 4, "bytes": b"efg"})
        assert [path.read_bytes() for path in arrived] == [b"abcdefg"] * 2
        assert self.left(folders) == ["my_cells-2.h5ad", "my_cells.h5ad"]
        steps = [{"do": "send", "at": 0}, {"do": "send", "at": 4}, {"do": "end"}]
        assert area.sent == steps * 2

    @pytest.mark.parametrize(
        ("name", "safe_name"),
        [
            ("../../evil.h5ad", "evil.h5ad"),
            ("/etc/x.h5ad", "x.h5ad"),
            (".h5ad.h5ad", "h5ad.h5ad"),
            ("<img>&.h5", "img.h5"),
            ("ä" * 300 + ".H5AD", "ä" * 50 + ".h5ad"),
        ],
    )
    def test_names_are_made_safe(
        self, area: Sent, arrived: list[Path], folders: Folders, name: str, safe_name: str
    ) -> None:
        area._handle_msg({"do": "begin", "name": name, "size": 1})
        area._handle_msg({"do": "part", "at": 0, "bytes": b"x"})
        assert [path.name for path in arrived] == [safe_name]
        assert arrived[0].parent == folders.uploads

    @pytest.mark.parametrize(
        ("name", "size", "problem"),
        [("x.exe", 1, ".exe"), ("x.h5ad", 1001, "1 kB"), ("x.h5ad", 0, "0 bytes")],
    )
    def test_what_cannot_be_is_told_and_leaves_nothing(
        self,
        area: Sent,
        errors: list[EngineError],
        folders: Folders,
        name: str,
        size: int,
        problem: str,
    ) -> None:
        area._handle_msg({"do": "begin", "name": name, "size": size})
        assert problem in errors[0].got
        assert area.sent == [{"do": "end"}]
        assert self.left(folders) == []

    def test_no_more_is_taken_than_was_announced(
        self, area: Sent, errors: list[EngineError], arrived: list[Path], folders: Folders
    ) -> None:
        area._handle_msg({"do": "begin", "name": "x.h5ad", "size": 3})
        area._handle_msg({"do": "part", "at": 0, "bytes": b"four"})
        assert len(errors) == 1
        assert (arrived, self.left(folders)) == ([], [])

    def test_a_cancelled_upload_goes(self, area: Sent, folders: Folders) -> None:
        area._handle_msg({"do": "begin", "name": "x.h5ad", "size": 3})
        assert len(self.left(folders)) == 1
        area._handle_msg({"do": "cancel"})
        assert self.left(folders) == []
        area._handle_msg({"do": "part", "at": 0, "bytes": b"abc"})
        assert self.left(folders) == []

    def test_parts_of_long_ago_are_swept(self, area: Sent, folders: Folders) -> None:
        folders.uploads.mkdir()
        old = folders.uploads / ".x.part"
        old.touch()
        os.utime(old, (0, 0))
        area._handle_msg({"do": "begin", "name": "x.h5ad", "size": 3})
        assert not old.exists()
        area._handle_msg({"do": "cancel"})

    @pytest.mark.parametrize(
        "message", [None, [], {"do": "begin"}, {"do": "part", "at": "0", "bytes": 3}, {"do": 1}]
    )
    def test_nonsense_is_dropped(
        self, area: Sent, message: object, errors: list[EngineError]
    ) -> None:
        area._handle_msg(message)
        assert errors == []


def test_uploads_that_have_begun_have_their_room(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two uploads at once do not both get the room for one."""
    free = module.SPARE_BYTES + 1_500_000
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    folders = replace(folders, most_bytes=10**6)
    upload = folders.begin("a.h5ad", 10**6)
    with pytest.raises(DataError, match="free on the server's disk"):
        folders.begin("b.h5ad", 10**6)
    upload.drop()
    folders.begin("b.h5ad", 10**6).drop()


def test_an_upload_that_fills_the_disk_is_given_up_in_words(folders: Folders) -> None:
    class Full(io.BytesIO):
        def write(self, _content: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for step in (lambda upload: upload.add(b"12345"), lambda upload: upload.finish()):
        upload = folders.begin("a.h5ad", 5)
        upload._file.close()
        upload._file = Full()
        with pytest.raises(DataError, match="No space left"):
            step(upload)
        upload.drop()
        assert list(folders.uploads.iterdir()) == []
