import pytest

from omniforge.pipeline.sources.scenes import SceneObject
from omniforge.pipeline.sources.scenes_claims import CountClaim, RelationClaim, claims, descriptions, fulfils
from omniforge.pipeline.sources.scenes_words import Description

CIRCLE = SceneObject(shape="circle", colour="red", size="small", centre=(0.2, 0.3))
STAR = SceneObject(shape="star", colour="blue", size="large", centre=(0.7, 0.35))
CROSS = SceneObject(shape="cross", colour="red", size="medium", centre=(0.25, 0.8))
OBJECTS = (CIRCLE, STAR, CROSS)


def test_numbers_and_descriptions_are_read():
    assert claims("Two big red crosses and an orange star on a striped light blue background.") == (
        CountClaim(Description("cross", "red", "large"), 2),
        CountClaim(Description("star", "orange"), 1),
    )


def test_relations_are_read():
    assert claims("The small circle is to the left of the blue star.")[-1] == RelationClaim(
        Description("circle", size="small"), "left of", Description("star", "blue")
    )


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("Three objects.", True),
        ("Two shapes.", False),
        ("A red shape.", False),
        ("Two red objects and a blue star.", True),
        ("A circle to the left of a star.", True),
        ("A circle to the right of a star.", False),
        ("The blue star is above the red cross.", False),
        ("The red cross is beneath the little circle.", True),
        ("There is a green heart.", False),
    ],
)
def test_claims_hold_when_they_are_true(text, true):
    assert all(claim.holds(OBJECTS) for claim in claims(text)) is true


def test_a_request_is_not_fulfilled_by_more_than_it_lists():
    assert fulfils((CIRCLE, STAR), "Please draw a red circle to the left of a blue star.")
    assert not fulfils(OBJECTS, "Please draw a circle and a star.")
    assert not fulfils((CIRCLE,), "Please draw a circle and a star.")
    assert not fulfils((STAR, CROSS), "Please draw a red circle and a blue star.")


def test_words_that_describe_no_object_claim_nothing():
    assert claims("A light blue picture of the weather.") == ()
    assert descriptions("How many small things do you see?") == (Description(size="small"),)
