"""Training: resuming gives what an uninterrupted run gives, the codebook comes alive, rows hold what was drawn."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from omniforge.tokenizers.glm4voice.config import EncoderConfig, EstimatorConfig, FlowEncoderConfig
from omniforge.tokenizers.glm4voice.embedded_sizes import MEL_SCALE
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.examples import SpeechExample, featurise
from omniforge.tokenizers.glm4voice.flow_estimator import VelocityEstimator
from omniforge.tokenizers.glm4voice.flow_start import start_straight
from omniforge.tokenizers.glm4voice.quantiser import MovingCodebook
from omniforge.tokenizers.glm4voice.train import Schedule, save_atomically, train_stage
from omniforge.tokenizers.glm4voice.train_codes import CodeLearner, draw_rows, recognition_loss, train_heads

torch.set_num_threads(1)
ENCODER = EncoderConfig(
    d_model=16,
    encoder_attention_heads=2,
    encoder_ffn_dim=32,
    num_mel_bins=128,
    max_source_positions=1500,
    pooling_kernel_size=4,
    pooling_position=1,
    quantize_vocab_size=8,
    quantize_position=2,
    quantize_causal_block_size=200,
)
READER = FlowEncoderConfig(input_size=16, output_size=16, attention_heads=2, linear_units=32, num_blocks=1, block_size=10)


def example(seconds, *, known=True, seed=0):
    rng = np.random.default_rng(seed)
    heard = (0.1 * rng.standard_normal(int(16000 * seconds))).astype(np.float32)
    wanted = (0.1 * rng.standard_normal(int(22050 * seconds))).astype(np.float32)
    return SpeechExample(heard=heard, wanted=wanted if known else None, stretch=1.0, symbols=[1, 2, 1])


def features(seconds, **options):
    return featurise(example(seconds, **options), mels=128, output_mels=80, scale=MEL_SCALE)


def linear_losses(model):
    def losses(generator):
        x = torch.randn(8, 4, generator=generator)
        return {"square": (model(x) - x.sum(1, keepdim=True)).square().mean()}

    return losses


def test_a_resumed_stage_ends_where_an_uninterrupted_one_ends(tmp_path):
    schedule = Schedule(steps=40, learning_rate=1e-2, warmup=5, checkpoint_every=10)

    def run(path, stop_after=None):
        torch.manual_seed(3)
        model = nn.Linear(4, 1)
        losses = linear_losses(model)
        calls = 0

        def counted(generator):
            nonlocal calls
            calls += 1
            if calls == stop_after:
                raise KeyboardInterrupt
            return losses(generator)

        train_stage(model, counted, schedule, path, seed=7, resume=True)
        return model.weight

    whole = run(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "halves.pt", stop_after=27)
    assert torch.equal(run(tmp_path / "halves.pt"), whole)


def test_without_resume_an_old_checkpoint_is_ignored(tmp_path):
    schedule = Schedule(steps=5, learning_rate=1e-2, warmup=1)

    def run(path):
        torch.manual_seed(3)
        model = nn.Linear(4, 1)
        train_stage(model, linear_losses(model), schedule, path, seed=7, resume=False)
        return model.weight

    first = run(tmp_path / "a.pt")
    assert torch.equal(run(tmp_path / "a.pt"), first)


def test_the_rate_rises_then_falls_to_a_twentieth():
    schedule = Schedule(steps=1000, learning_rate=1.0, warmup=100)
    rates = [schedule.rate(step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01, rel=0.01)
    assert max(rates) == pytest.approx(rates[99], rel=0.02)
    assert rates[-1] == pytest.approx(0.05, rel=0.01)


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "stage.pt"
    save_atomically(path, {"step": 1})
    with pytest.raises(Exception, match="pickle"):
        save_atomically(path, {"step": lambda: 2})
    assert torch.load(path, weights_only=True) == {"step": 1}


def test_codes_far_from_all_states_are_revived_and_settle_on_the_clusters():
    encoder = SpeechEncoder(ENCODER)
    codebook = MovingCodebook(encoder).train()
    codebook.step.fill_(301)
    generator = torch.Generator().manual_seed(0)
    centres = 5 * torch.randn(3, 16, generator=generator)
    rows = encoder.codebook.weight
    rows.copy_(centres[:1] + 1000 * torch.arange(8)[:, None])
    encoder.ema_weight.copy_(rows)
    distances = []
    for _ in range(800):
        drawn = centres[torch.randint(3, (4, 32), generator=generator)]
        _, distance = codebook(drawn + 0.01 * torch.randn(4, 32, 16, generator=generator))
        distances.append(distance.item())
    assert distances[-1] < 1e-3 < distances[0]
    assert rows.abs().max() < 100


def test_gradients_pass_straight_through_the_codebook():
    codebook = MovingCodebook(SpeechEncoder(ENCODER)).eval()
    hidden = torch.randn(1, 5, 16, requires_grad=True)
    quantised, _ = codebook(hidden)
    quantised.sum().backward()
    assert torch.equal(hidden.grad, torch.ones_like(hidden))


def test_features_count_codes_and_frames_together():
    item = features(1.0)
    assert item.codes == 13
    assert item.log_mel.shape == (128, 104)
    assert item.coarse.shape == (80, 104)
    assert item.mel.shape == (80, 89)
    assert len(item.wave) == 256 * len(item.f0)


def test_rows_hold_whole_utterances_and_know_where_the_mel_is_known():
    items = [features(0.5, seed=1), features(0.9, known=False, seed=2)]
    batch = draw_rows(items, torch.Generator().manual_seed(1), 80)
    assert batch.log_mel.shape[::2] == batch.known.shape
    for row, first, count, _ in batch.utterances:
        known = batch.known[row, 8 * first : 8 * (first + count)]
        assert known.all() or not known.any()
        assert count == (items[0].codes if known.all() else items[1].codes)


def test_learning_codes_lowers_the_losses():
    torch.manual_seed(0)
    learner = CodeLearner(SpeechEncoder(ENCODER), READER, 80, 4).train()
    optimizer = torch.optim.Adam(learner.parameters(), 3e-3)
    items = [features(0.5, seed=seed) for seed in range(3)]
    values = []
    for step in range(15):
        batch = draw_rows(items, torch.Generator().manual_seed(step), 80)
        mel, log_probabilities, _ = learner(batch.log_mel)
        loss = (mel - batch.coarse).abs().mean() + recognition_loss(log_probabilities, batch.utterances)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.8 * values[0]


def test_fitting_the_heads_lowers_the_losses_and_moves_nothing_else(tmp_path):
    torch.manual_seed(0)
    learner = CodeLearner(SpeechEncoder(ENCODER), READER, 80, 4)
    learner.codebook.keep_rows()
    items = [features(0.5, seed=seed) for seed in range(3)]
    batch = draw_rows(items, torch.Generator().manual_seed(99), 80)

    def distance():
        with torch.no_grad():
            return (learner.eval()(batch.log_mel)[0] - batch.coarse).abs().mean()

    before, loss = {name: tensor.clone() for name, tensor in learner.state_dict().items()}, distance()
    train_heads(learner, items, 80, Schedule(steps=15, learning_rate=1e-2, warmup=1), tmp_path / "a.pt", seed=0, resume=True)
    moved = {name for name, tensor in learner.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"mel_head.weight", "mel_head.bias", "symbol_head.weight", "symbol_head.bias"}
    assert distance() < 0.9 * loss


def estimator_config(width):
    return EstimatorConfig(
        in_channels=32,
        out_channels=8,
        channels=(width, width),
        attention_head_dim=8,
        n_blocks=1,
        num_mid_blocks=1,
        num_heads=2,
    )


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.5])
def test_the_flow_starts_straight_at_mu(moment):
    torch.manual_seed(0)
    estimator = VelocityEstimator(estimator_config(16))
    start_straight(estimator)
    mel, noise = torch.randn(2, 8, 60), torch.randn(2, 8, 60)
    point = (1 - moment) * noise + moment * mel
    time = torch.full((2,), moment)
    velocity = estimator(point, mel, torch.zeros(2, 8), torch.zeros_like(mel), time)
    assert (velocity - (mel - noise)).square().mean() < 0.4


def test_a_level_narrower_than_the_mel_cannot_start_straight():
    config = dataclasses.replace(estimator_config(8), in_channels=64, out_channels=16)
    with pytest.raises(ValueError, match="16"):
        start_straight(VelocityEstimator(config))
