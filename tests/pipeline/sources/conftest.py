"""Reading a source to its end, as plan and engine do."""

import pytest

from omniforge.schemas.record import Refusal


@pytest.fixture
def read_all():
    """Function (source, root) -> the items of all containers by record name, checked to be as many as announced."""

    def read(source, root):
        found = {}
        for container in source.containers(root):
            items = list(source.read(root, container.path, 0, container.records))
            assert len(items) == container.records
            for item in items:
                path, _, name = item.source_uri.partition("#")
                assert path == container.path
                assert name not in found
                found[name] = item
        return found

    return read


@pytest.fixture
def reasons():
    """Function (items by name) -> the reason by name, None for what was kept."""
    return lambda items: {name: item.reason if isinstance(item, Refusal) else None for name, item in items.items()}
