"""The layout keeps its promises: nothing shadowed, everything in the wheel, nothing undocumented."""

import subprocess
import sys
import tomllib

from conftest import REPOSITORY

TOP = ("schemas", "tokenizers", "synth", "pipeline", "jobs", "trainer")


def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def test_no_top_folder_has_an_init_file() -> None:
    assert not [folder for folder in TOP if (REPOSITORY / folder / "__init__.py").exists()]


def test_the_library_tokenizers_is_found_from_the_root_of_the_repository() -> None:
    code = "import tokenizers, omniforge.tokenizers.chat; assert 'site-packages' in tokenizers.__file__"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)


def test_the_list_of_packages_is_the_list_of_folders() -> None:
    folders = {
        ".".join(("omniforge", *path.relative_to(REPOSITORY).parts))
        for top in TOP
        for path in [REPOSITORY / top, *(REPOSITORY / top).rglob("*")]
        if path.is_dir() and path.name != "__pycache__" and any(file.is_file() for file in path.iterdir())
    }
    assert set(project()["tool"]["setuptools"]["packages"]) == folders


def test_every_top_folder_says_what_it_is_for() -> None:
    assert [folder for folder in TOP if not (REPOSITORY / folder / "README.md").is_file()] == []


def test_no_source_file_is_longer_than_400_lines() -> None:
    long = {
        path.relative_to(REPOSITORY).as_posix(): lines
        for top in TOP
        for path in (REPOSITORY / top).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert long == {}
