# SPDX-License-Identifier: Apache-2.0
"""What `meson install` puts where; TENON_INCLUDE names the include folder of such an install."""
import os
from pathlib import Path

import pytest

INCLUDE = os.environ.get("TENON_INCLUDE")


@pytest.mark.skipif(INCLUDE is None, reason="needs an install, named by TENON_INCLUDE")
def test_whoever_runs_tenond_can_read_its_configuration():
    """The systemd unit makes a user for it, who is in no group of root's."""
    files = list((Path(INCLUDE).parent / "etc/tenon/conf.d").iterdir())
    assert "tenon.ini" in [file.name for file in files]
    assert [file.name for file in files if file.stat().st_mode & 0o004 == 0] == []
