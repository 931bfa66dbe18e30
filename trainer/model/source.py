"""Models by name: the one that comes with omniforge, or a folder."""

from pathlib import Path

EMBEDDED = Path(__file__).parents[1] / "embedded"
"""The shipped model as package data: what `omniforge model export` and `omniforge model card` wrote."""


def model_folder(source: str | Path) -> Path:
    """Return the folder of a model: of the shipped one for the name `embedded`, else the path that `source` is.

    A folder of one's own that is called so is `./embedded` on the command line.

    Raises:
        ValueError: This version comes without a model.
    """
    if source != "embedded":
        return Path(source)
    if not (EMBEDDED / "model.safetensors").is_file():
        raise ValueError(
            "no embedded model in this version: omniforge was installed without the weights of trainer/embedded; give the "
            "folder of a model of your own (`omniforge demo` trains one)"
        )
    return EMBEDDED
