"""Discovery: the folder of channels is the list of channels."""

from pathlib import Path

import tocsin.channels
from tocsin.channels import discovered


def test_every_file_of_the_folder_is_a_channel_under_its_own_name() -> None:
    folder = Path(tocsin.channels.__path__[0])
    files = sorted(file.stem for file in folder.glob("[!_]*.py"))
    assert sorted(discovered()) == files
    for kind, channel in discovered().items():
        assert channel.kind == kind
        assert channel.says
