import errno
from pathlib import Path

import pytest

from srbench.errors import UserError
from srbench.records.layout import OutFolder
from srbench.run.writing import OutFolderError, writing_to


def test_a_folder_that_cannot_be_made_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(UserError, match="out folder that can be written") as caught,
        writing_to(OutFolder(tmp_path / "file" / "out")),
    ):
        pytest.fail("work was started")
    assert caught.value.exit_status == 2
    assert "--out" in str(caught.value)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fails_later_is_explained(tmp_path: Path, code: int) -> None:
    with (
        pytest.raises(OutFolderError, match="finished work is kept") as caught,
        writing_to(OutFolder(tmp_path)),
    ):
        raise OSError(code, "as the system says")
    assert caught.value.exit_status == 1
    assert str(tmp_path) in str(caught.value)


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="pipe"), writing_to(OutFolder(tmp_path)):
        raise OSError(errno.EPIPE, "broken pipe")
