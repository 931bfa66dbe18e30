"""Run every benchmark in this folder and print its table: `make bench`. Figures are ratios from one interleaved run."""

import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main(names: list[str]) -> None:
    """Run the benchmarks named, or all of them."""
    for path in sorted(FOLDER.glob("*.py")):
        if path.name in ("run.py", "interleaved.py") or (names and path.stem not in names):
            continue
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        print(f"\n## {path.stem}\n\n{module.__doc__}\n", flush=True)
        # The names are options of this command; those of a benchmark are left as they are.
        sys.argv = [str(path)]
        module.main()


if __name__ == "__main__":
    main(sys.argv[1:])
