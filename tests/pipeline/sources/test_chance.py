from collections import Counter

from omniforge.pipeline.sources.chance import Chance


def test_the_same_seed_parts_give_the_same_choices_and_other_parts_others():
    def draw(*seed):
        chance = Chance(*seed)
        return [chance.below(1000) for _ in range(20)]

    assert draw("a", 1) == draw("a", 1)
    assert draw("a", 1) != draw("a", 2)
    assert draw("a", 11) != draw("a1", 1)


def test_choices_never_change_between_machines_and_versions():
    chance = Chance("fixed", 7)
    assert [chance.below(100) for _ in range(8)] == [47, 43, 65, 5, 35, 77, 33, 34]
    assert "".join(chance.shuffled("abcdefgh")) == "ahdgbfce"


def test_picks_are_even():
    chance = Chance("even")
    counts = Counter(chance.pick("abcd") for _ in range(4000))
    assert set(counts) == set("abcd")
    assert all(900 < count < 1100 for count in counts.values())


def test_shuffling_keeps_every_item():
    assert sorted(Chance(3).shuffled(range(50))) == list(range(50))


def test_numbers_stay_in_their_range():
    chance = Chance("range")
    assert all(2.0 <= chance.between(2.0, 3.0) < 3.0 for _ in range(500))
    assert not any(chance.happens(0.0) for _ in range(100))
