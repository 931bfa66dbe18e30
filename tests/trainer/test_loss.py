from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from omniforge.trainer.batch import PackedBatch, TrainingSample, assemble
from omniforge.trainer.corruption import IGNORE, Corrupted, TokenIds, corrupt_mdm
from omniforge.trainer.forward import forward
from omniforge.trainer.loss import MaskedLoss, label_weight, masked_cross_entropy, step_denominator, step_loss
from omniforge.trainer.loss_table import LossGroups, summarise, tabulate
from omniforge.trainer.model.attention import DenseAttention, document_attention
from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.transformer import Dream, all_logits, initialise

TOKENS = TokenIds(mask=60, pad=61)


@pytest.fixture(scope="module")
def model() -> Dream:
    torch.set_num_threads(1)
    config = DreamConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        mask_token_id=TOKENS.mask,
        pad_token_id=TOKENS.pad,
        initializer_range=0.2,
    )
    network = Dream(config)
    initialise(network, seed=0)
    return network


def sample(seed: int, length: int) -> Corrupted:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 60, (length,), generator=generator)
    labels = torch.where(torch.arange(length) < length // 3, IGNORE, ids)
    time = 0.3 + 0.6 * float(torch.rand((), generator=generator))
    return corrupt_mdm(ids, labels, time, torch.rand(length, generator=generator), TOKENS)


SAMPLES = [sample(seed, length) for seed, length in enumerate((12, 20, 9, 16, 7, 24))]


def batch(rows: Sequence[Sequence[int]], length: int) -> PackedBatch:
    return assemble(
        [[TrainingSample(corrupted=SAMPLES[index], task=index % 2) for index in row] for row in rows], length, TOKENS.pad
    )


def run(model: Dream, packed: PackedBatch, logit_rows: int = 1024) -> MaskedLoss:
    readout = masked_cross_entropy(packed.labels, packed.weights, logit_rows)
    return model(packed.input_ids, packed.positions, document_attention(packed.document_ids), readout)


def gradients(model: Dream, batches: Sequence[PackedBatch]) -> tuple[float, dict[str, Tensor]]:
    model.zero_grad()
    denominator = step_denominator(torch.stack([label_weight(part.labels, part.weights) for part in batches]).sum())
    total = 0.0
    for part in batches:
        loss = step_loss(run(model, part).numerator, denominator)
        loss.backward()
        total += loss.item()
    return total, {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


SPLITS = {
    "one batch": [([[0, 1, 2], [3, 4], [5]], 44)],
    "a micro-batch a row": [([[0, 1, 2]], 44), ([[3, 4]], 44), ([[5]], 44)],
    "not packed": [([[index]], 30) for index in range(6)],
    "packed otherwise": [([[5, 0], [1]], 40), ([[4, 3, 2]], 32)],
}


@pytest.mark.parametrize("split", [name for name in SPLITS if name != "one batch"])
def test_loss_and_gradients_do_not_depend_on_packing_or_accumulation(model: Dream, split: str) -> None:
    loss, expected = gradients(model, [batch(*part) for part in SPLITS["one batch"]])
    other, found = gradients(model, [batch(*part) for part in SPLITS[split]])
    assert other == pytest.approx(loss, rel=1e-5)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)


def test_the_denominator_is_known_before_the_forward_pass(model: Dream) -> None:
    packed = batch([[0, 1], [2, 3]], 40)
    assert float(run(model, packed).denominator) == float(label_weight(packed.labels, packed.weights))


def test_losses_at_masked_positions_are_those_of_full_logits(model: Dream) -> None:
    packed = batch([[0, 1], [2, 3]], 40)
    result = run(model, packed, logit_rows=5)
    logits = model(packed.input_ids, packed.positions, document_attention(packed.document_ids), all_logits)
    shifted = logits[:, :-1].flatten(end_dim=1)
    losses = torch.nn.functional.cross_entropy(shifted, packed.labels[:, 1:].flatten(), ignore_index=IGNORE, reduction="none")
    counted = packed.labels[:, 1:].flatten() != IGNORE
    torch.testing.assert_close(result.losses, losses[counted].detach())
    torch.testing.assert_close(result.numerator, (losses * packed.weights[:, 1:].flatten()).sum())


def test_chunks_change_neither_loss_nor_gradients(model: Dream) -> None:
    packed = batch([[0, 1], [2, 3]], 40)
    found = []
    for logit_rows in (1, 7, 1024):
        model.zero_grad()
        result = run(model, packed, logit_rows)
        result.numerator.backward()
        assert model.lm_head.weight.grad is not None
        found.append((result.losses, model.lm_head.weight.grad.clone()))
    for losses, gradient in found[1:]:
        torch.testing.assert_close(losses, found[0][0])
        torch.testing.assert_close(gradient, found[0][1], rtol=1e-4, atol=1e-6)


def test_a_step_without_labels_has_loss_zero_and_no_gradient(model: Dream) -> None:
    packed = batch([[0]], 20)
    packed.labels.fill_(IGNORE)
    loss, found = gradients(model, [packed])
    assert loss == 0
    assert not any(bool(gradient.any()) for gradient in found.values())


def test_the_table_holds_every_label_once_and_means_match(model: Dream) -> None:
    groups = LossGroups(tasks=("t2i", "asr"), modalities=("text", "speech", "image"), boundaries=(20, 40), time_bins=4)
    packed = batch([[0, 1, 2], [3, 4]], 44)
    result = run(model, packed)
    table = tabulate(result, packed.labels, packed.tasks, packed.times, groups)
    assert int(table[..., 2].sum()) == len(result.losses)
    means = summarise(table, groups)
    assert means["loss/all"] == pytest.approx(float(result.losses.mean()), rel=1e-5)
    assert means["accuracy/all"] == pytest.approx(float(result.hits.float().mean()))
    targets = packed.labels[result.selected]
    image = result.losses[targets >= 40]
    assert means["loss/modality/image"] == pytest.approx(float(image.mean()), rel=1e-5)
    odd = result.losses[packed.tasks[result.selected] == 1]
    assert means["loss/task/asr"] == pytest.approx(float(odd.mean()), rel=1e-5)
    high = result.losses[packed.times[result.selected] > 0.75]
    assert means["loss/time/0.75-1"] == pytest.approx(float(high.mean()), rel=1e-5)


def test_tables_of_parts_add_up(model: Dream) -> None:
    groups = LossGroups(tasks=("t2i", "asr"), modalities=("any",), boundaries=())
    parts = [batch([[0, 1]], 44), batch([[2, 3]], 44)]
    whole = batch([[0, 1], [2, 3]], 44)
    tables = [tabulate(run(model, part), part.labels, part.tasks, part.times, groups) for part in (*parts, whole)]
    torch.testing.assert_close(tables[0] + tables[1], tables[2], rtol=1e-5, atol=1e-5)


def test_boundaries_must_fit_the_modalities() -> None:
    with pytest.raises(ValueError, match="ascending boundaries"):
        LossGroups(tasks=("a",), modalities=("text", "image"), boundaries=(5, 9))


def test_a_dense_mask_and_segments_give_the_same_loss(model: Dream) -> None:
    packed = batch([[0, 1], [2, 3]], 40)
    same = packed.document_ids[:, :, None] == packed.document_ids[:, None, :]
    readout = masked_cross_entropy(packed.labels, packed.weights)
    dense = model(packed.input_ids, packed.positions, DenseAttention(same[:, None]), readout)
    torch.testing.assert_close(dense.losses, run(model, packed).losses, rtol=1e-4, atol=1e-5)


def grounded(weight: float) -> PackedBatch:
    """Two samples in a row; the second says what its positions 1 and 3 show and what 2 means a layer later."""
    told = TrainingSample(
        corrupted=SAMPLES[1],
        task=1,
        grounded=torch.tensor([1, 3, 2]),
        later=torch.tensor([0, 0, 1]),
        words=torch.tensor([[5, 7], [9, IGNORE], [11, IGNORE]]),
        grounding_weights=(weight, 2 * weight),
    )
    return assemble([[TrainingSample(corrupted=SAMPLES[0], task=0), told]], 40, TOKENS.pad)


def test_codes_say_halfway_what_they_show_and_phrases_a_layer_later_what_they_mean(model: Dream) -> None:
    packed = grounded(0.5)
    found = []
    hooks = [layer.register_forward_hook(lambda _module, _inputs, output: found.append(output)) for layer in model.model.layers]
    with torch.no_grad():
        loss = forward(model, packed, "float32")
    for hook in hooks:
        hook.remove()
    start = len(SAMPLES[0].input_ids)
    halfway, later = (model.lm_head(model.model.norm(states[0])).log_softmax(dim=-1).detach() for states in found[:2])
    first, second, third = (-float(halfway[start + place, word]) for place, word in ((1, 5), (1, 7), (3, 9)))
    meant = -float(later[start + 2, 11])
    plain = run(model, packed)
    asked = 0.25 * (first + second) + 0.5 * third + 1.0 * meant
    assert loss.numerator.item() == pytest.approx(plain.numerator.item() + asked, rel=1e-5)
    assert loss.grounding.flatten().tolist() == pytest.approx([(first + second) / 2 + third, 2, meant, 1], rel=1e-5)
    assert torch.equal(loss.losses, plain.losses)


def test_the_weight_of_a_batch_counts_what_its_codes_show(model: Dream) -> None:
    packed = grounded(0.5)
    assert float(packed.weight) == pytest.approx(float(label_weight(packed.labels, packed.weights)) + 2 * 0.5 + 1.0)
    assert float(forward(model, packed, "float32").denominator) == pytest.approx(float(packed.weight))


def test_what_codes_show_reaches_the_first_half_of_the_layers_alone(model: Dream) -> None:
    asked = grounded(1.0)
    assert asked.grounding is not None
    silent = replace(asked.grounding, weights=asked.grounding.weights * (1 - asked.grounding.later))
    packed = replace(asked, labels=torch.full((1, 40), IGNORE), grounding=silent)
    model.zero_grad()
    forward(model, packed, "float32").numerator.backward()
    reached = {name for name, parameter in model.named_parameters() if parameter.grad is not None and parameter.grad.any()}
    assert any(name.startswith("model.layers.0.") for name in reached)
    assert not any(name.startswith("model.layers.1.") for name in reached)


def test_codes_are_not_asked_where_it_weighs_nothing() -> None:
    assert grounded(0.0).grounding is None
