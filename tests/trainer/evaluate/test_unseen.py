from omniforge.jobs.tokenizer_image_training import FIRST_SCENE
from omniforge.pipeline.sources import sentences
from omniforge.pipeline.sources.scenes import sample_scene
from omniforge.pipeline.sources.scenes_language import captions, prompt
from omniforge.pipeline.sources.scenes_questions import questions
from omniforge.pipeline.sources.scenes_source import is_held_out, scene_seed
from omniforge.trainer.evaluate.unseen import (
    FIRST_UNSEEN,
    SEED_STRIDE,
    first_number,
    unseen_relations,
    unseen_scenes,
    unseen_sentences,
)


def test_scenes_lie_beyond_those_of_corpora_and_of_tokenizer_training_and_are_held_out():
    seeds = [one.seed for one in unseen_scenes(20, 0)]
    assert min(seeds) > FIRST_UNSEEN > 2 * FIRST_SCENE
    assert all(map(is_held_out, seeds))
    assert len(set(seeds)) == 20


def test_sentences_are_held_out_by_their_text():
    assert all(sentences.is_held_out(text) for _, text in unseen_sentences(20, 0))


def test_no_corpus_of_scenes_holds_a_sentence():
    texts = {text for _, text in unseen_sentences(300, 0)}
    for number in range(400):
        seed = scene_seed("train", number)
        scene = sample_scene(seed)
        told = {*captions(scene, seed), prompt(scene, seed), *(each.question for each in questions(scene, seed))}
        assert not told & texts


def test_no_sentence_comes_twice():
    found = list(unseen_sentences(4000, 0))
    assert len({text for _, text in found}) == len({number for number, _ in found}) == 4000
    assert found[-1][0] > first_number(0) + 3999


def test_seeds_share_no_scene():
    last = first_number(0) + SEED_STRIDE - 1
    assert first_number(1) == last + 1
    assert scene_seed("test", last) < next(unseen_scenes(1, 1)).seed


def test_relations_are_named():
    assert all(one.names_relation for one in unseen_relations(5, 0))
