from omniforge.jobs.tokenizer_image_training import FIRST_SCENE
from omniforge.pipeline.sources import sentences
from omniforge.pipeline.sources.scenes_source import is_held_out
from omniforge.trainer.evaluate.unseen import FIRST_UNSEEN, SEED_STRIDE, unseen_relations, unseen_scenes, unseen_sentences


def test_scenes_lie_beyond_those_of_corpora_and_of_tokenizer_training_and_are_held_out():
    seeds = [one.seed for one in unseen_scenes(20, 0)]
    assert min(seeds) > FIRST_UNSEEN > 2 * FIRST_SCENE
    assert all(map(is_held_out, seeds))
    assert len(set(seeds)) == 20


def test_sentences_are_held_out_by_their_text():
    assert all(sentences.is_held_out(text) for _, text in unseen_sentences(20, 0))


def test_seeds_share_no_scene():
    def numbers(seed):
        return {one.seed for one in unseen_scenes(50, seed)}

    assert not numbers(0) & numbers(1)
    assert max(numbers(0)) < min(numbers(1))
    assert SEED_STRIDE >= 50


def test_relations_are_named():
    assert all(one.names_relation for one in unseen_relations(5, 0))
