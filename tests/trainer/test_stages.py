import pytest

from omniforge.jobs.config import ConfigError, from_mapping, load_config
from omniforge.tokenizers.chat import TASKS
from omniforge.trainer.config import TrainConfig
from omniforge.trainer.stages import STAGES, StageConfig, stage_of

PATHS = {"data": "root/made@v1", "output": "out"}


def config(**values: object) -> TrainConfig:
    return from_mapping(TrainConfig, {**PATHS, **values}, "test")


def test_each_stage_learns_all_the_tasks_that_it_is_meant_for() -> None:
    for number, kind in STAGES.items():
        names = {"text_chat" if name == "chat" else name for name, task in TASKS.items() if number in task.stages}
        assert names <= set(kind.weights)
        assert sum(kind.weights.values()) == pytest.approx(1.0)


def test_each_stage_keeps_the_tasks_of_the_one_before() -> None:
    assert set(STAGES[1].weights) < set(STAGES[2].weights) < set(STAGES[3].weights)


def test_a_configuration_changes_what_it_names_and_keeps_the_rest() -> None:
    stage = config(steps=50, lr=1e-3, stage2={"steps": 70, "frozen": ["lm_head"]}).stage(2)[-1]
    assert (stage.steps, stage.lr, stage.frozen) == (70, 1e-3, ("lm_head",))
    assert stage.weights == STAGES[2].weights


def test_lessons_keep_of_their_stage_what_they_do_not_change() -> None:
    lessons = [{"weights": {"vqa": 1.0}, "steps": 5}, {"weights": {"asr": 1.0}, "steps": 6, "lr": 2e-3}]
    parts = config(stage2={"lr": 1e-3, "frozen": ["lm_head"], "lessons": lessons}).stage(2)
    assert [(part.name, part.folder) for part in parts[:2]] == [
        ("2/lesson-1", "stage-2/lesson-1"),
        ("2/lesson-2", "stage-2/lesson-2"),
    ]
    assert [(part.steps, part.lr, part.frozen) for part in parts[:2]] == [(5, 1e-3, ("lm_head",)), (6, 2e-3, ("lm_head",))]
    assert (parts[2].name, parts[2].folder, parts[2].weights) == ("2", "stage-2", STAGES[2].weights)


@pytest.mark.parametrize(("given", "meant"), [("1,2,3", (1, 2, 3)), (2, (2,)), ([1, 3], (1, 3)), ("3", (3,))])
def test_stages_are_written_as_on_a_command_line(given: object, meant: tuple[int, ...]) -> None:
    assert config(stages=given).stages == meant


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stages": "1,4"}, "there is no stage 4"),
        ({"stages": "2,1"}, "have to ascend"),
        ({"stepz": 5}, "did you mean steps"),
        ({"stage1": {"steps": 0}}, "have to be positive"),
        ({"stage1": {"lessons": [{"weights": {"vqa": 1.0}, "steps": 0}]}}, "lesson: steps 0"),
        ({"stage1": {"lessons": [{"steps": 3}]}}, "weights"),
        ({"lr": 0}, "lr is 0"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**wrong)


def test_the_shipped_configuration_is_valid_and_takes_overrides() -> None:
    shipped = load_config(TrainConfig, "train_demo.yaml", ["data=root/other@v2", "stages=1,2", "stage2.steps=5"])
    assert shipped.data == "root/other@v2"
    assert shipped.stages == (1, 2)
    assert shipped.stage(2)[-1].steps == 5


def test_there_are_three_stages() -> None:
    with pytest.raises(ValueError, match="no stage 4; there are 1, 2, 3"):
        stage_of(4, StageConfig(), 1, 1.0)
