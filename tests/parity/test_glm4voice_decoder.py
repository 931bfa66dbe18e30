"""The flow decoder and the vocoder give the reference's spectrograms and waveforms, on every fixture folder given."""

import json

import pytest
import torch
from reference_data import parity_folder
from safetensors.torch import load_file

from omniforge.tokenizers.glm4voice.config import FlowConfig, HiftConfig
from omniforge.tokenizers.glm4voice.flow import FlowDecoder, Prompt, flow_times
from omniforge.tokenizers.glm4voice.hift import HiftGenerator
from omniforge.tokenizers.weights import load_strict

FOLDER = parity_folder("glm4voice_decoder")
TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}
F0_TOLERANCE = {"atol": 1e-3, "rtol": 1e-5}


def read_json(name):
    return json.loads((FOLDER / name).read_text())


@pytest.fixture(scope="module")
def inputs():
    return load_file(FOLDER / "inputs.safetensors")


@pytest.fixture(scope="module")
def expected():
    return load_file(FOLDER / "outputs.safetensors")


@pytest.fixture(scope="module")
def flow():
    model = FlowDecoder(FlowConfig.from_dict(read_json("config.json")))
    load_strict(model, load_file(FOLDER / "weights_flow.safetensors"), "fixture")
    return model.eval()


@pytest.fixture(scope="module")
def hift():
    model = HiftGenerator(HiftConfig.from_dict(read_json("config.json")["hift"]))
    load_strict(model, load_file(FOLDER / "weights_hift.safetensors"), "fixture")
    return model.eval()


def plain_cases():
    if not FOLDER.is_dir():
        return []
    names = load_file(FOLDER / "outputs.safetensors")
    return sorted({name.partition(".")[0] for name in names if name.startswith("flow_plain_")})


def select(tensors, case):
    return {name.removeprefix(f"{case}."): tensor for name, tensor in tensors.items() if name.startswith(f"{case}.")}


@pytest.mark.parametrize("case", plain_cases())
@torch.inference_mode()
def test_codes_without_a_prompt_become_the_reference_mel(flow, inputs, expected, case):
    given, wanted = select(inputs, case), select(expected, case)
    steps = len(wanted["t_values"])
    torch.testing.assert_close(flow_times(steps)[:-1], wanted["t_values"], atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(flow.encode(given["codes"]), wanted["encoder_out"], **TOLERANCE)
    torch.testing.assert_close(flow.condition(given["codes"]), wanted["mu"], **TOLERANCE)
    mel = flow(given["codes"], given["noise"], steps=steps)
    torch.testing.assert_close(mel, wanted["mel"], **TOLERANCE)


@pytest.mark.parametrize("case", plain_cases())
@torch.inference_mode()
def test_velocities_and_the_first_step_are_the_reference_ones(flow, inputs, expected, case):
    given, wanted = select(inputs, case), select(expected, case)
    mu, noise = wanted["mu"], given["noise"]
    nothing = torch.zeros_like(mu)
    speaker = flow.project_speaker(torch.zeros(1, flow.config.spk_embed_dim))
    start = torch.zeros(1)
    estimator = flow.decoder.estimator
    conditional = estimator(noise, mu, speaker, nothing, start)
    free = estimator(noise, nothing, torch.zeros_like(speaker), nothing, start)
    torch.testing.assert_close(conditional, wanted["v_cond_step0"], **TOLERANCE)
    torch.testing.assert_close(free, wanted["v_uncond_step0"], **TOLERANCE)
    width = flow_times(len(wanted["t_values"]))[1]
    stepped = noise + width * flow.velocity(noise, mu, speaker, nothing, start)
    torch.testing.assert_close(stepped, wanted["x_step1"], **TOLERANCE)


@torch.inference_mode()
def test_a_prompt_and_a_speaker_condition_the_mel_and_are_cut_from_it(flow, inputs, expected):
    given, wanted = select(inputs, "flow_prompt"), select(expected, "flow_prompt")
    prompt = Prompt(codes=given["prompt_codes"], mel=given["prompt_feat"].transpose(1, 2))
    both = torch.cat([given["prompt_codes"], given["codes"]], dim=1)
    torch.testing.assert_close(flow.encode(both), wanted["encoder_out"], **TOLERANCE)
    torch.testing.assert_close(flow.condition(both), wanted["mu"], **TOLERANCE)
    # The reference's default number of steps.
    mel = flow(given["codes"], given["noise"], steps=10, embedding=given["embedding"], prompt=prompt)
    torch.testing.assert_close(mel, wanted["mel"], **TOLERANCE)


@torch.inference_mode()
def test_pitch_of_the_mel(hift, inputs, expected):
    torch.testing.assert_close(hift.predict_f0(inputs["hift.mel"]), expected["hift.f0"], **F0_TOLERANCE)


@torch.inference_mode()
def test_source_of_given_pitch_with_recorded_and_with_no_random_numbers(hift, inputs, expected):
    f0, phase, noise = expected["hift.f0"], inputs["hift.phase_raw"], inputs["hift.sine_noise"]
    torch.testing.assert_close(hift.make_source(f0, phase, noise), expected["hift.source"], **TOLERANCE)
    silent = hift.make_source(f0, torch.zeros_like(phase), torch.zeros_like(noise))
    torch.testing.assert_close(silent, expected["hift.source_zero_noise_phase"], **TOLERANCE)


@torch.inference_mode()
def test_waveforms_of_given_sources(hift, inputs, expected):
    mel = inputs["hift.mel"]
    continued = expected["hift.source"].clone()
    cache = next(tensor for name, tensor in inputs.items() if name.startswith("hift.cache_source"))
    continued[..., : cache.shape[-1]] = cache
    cached = next(tensor for name, tensor in expected.items() if name.startswith("hift.wave_cache"))
    torch.testing.assert_close(hift.decode(mel, expected["hift.source"]), expected["hift.wave"], **TOLERANCE)
    torch.testing.assert_close(hift.decode(mel, continued), cached, **TOLERANCE)
    silent = hift.decode(mel, expected["hift.source_zero_noise_phase"])
    torch.testing.assert_close(silent, expected["hift.wave_zero_noise_phase"], **TOLERANCE)


@pytest.mark.parametrize("part", ["flow", "hift"])
def test_full_size_keys_and_shapes_are_the_published_ones(part):
    published = read_json("published_config.json")
    with torch.device("meta"):
        model = (
            FlowDecoder(FlowConfig.from_dict(published))
            if part == "flow"
            else HiftGenerator(HiftConfig.from_dict(published["hift"]))
        )
    own = {name: [list(tensor.shape), str(tensor.dtype).removeprefix("torch.")] for name, tensor in model.state_dict().items()}
    assert own == read_json(f"keys_full_{part}.json")["keys"]


@pytest.mark.parametrize("part", ["flow", "hift"])
def test_missing_and_misshapen_weights_give_one_error(request, part):
    model = request.getfixturevalue(part)
    weights = dict(model.state_dict())
    gone, bent = sorted(name for name, tensor in weights.items() if tensor.shape[0] > 1)[:2]
    del weights[gone]
    weights[bent] = weights[bent][:-1]
    with pytest.raises(ValueError, match="fixture") as caught:
        load_strict(type(model)(model.config), weights, "fixture")
    assert gone in str(caught.value)
    assert bent in str(caught.value)
