import dataclasses

import pytest

from omniforge.pipeline.sources.formats import FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_a_frozen_dataclass_of_keywords_with_a_version(name):
    source = FORMATS[name]
    assert dataclasses.is_dataclass(source)
    assert source.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(source))
    assert isinstance(source.version, str)
