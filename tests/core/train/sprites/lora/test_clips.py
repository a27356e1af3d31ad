"""The clips of the two LoRAs: what is new in them, and that they are a data set of the trainings."""

import torch

from higen_core.train.data.video_index import parts_of
from higen_core.train.sprites.evaluation.template_matching import ALL_OBJECTS, match_frame
from higen_core.train.sprites.lora.clips import clips, write_clips, zigzag
from higen_core.train.sprites.lora.evaluation import distance_from_path, hearts_in
from higen_core.train.sprites.scenes import EMOJI, is_held_out


def test_the_new_path_turns_and_stays_inside():
    turns = (zigzag()[:, 1].diff().sign().diff() != 0).sum()
    assert turns == 2
    for clip in clips("zigzag", 8):
        half = clip.scene.size / 2
        assert clip.centers.min() >= half - 1e-3 and clip.centers.max() <= 64 - half + 1e-3
        assert "zigzag" in clip.caption and clip.scene.object in clip.caption


def test_a_clip_on_the_path_is_near_it_and_a_still_one_is_not():
    clip = clips("zigzag", 1)[0]
    assert distance_from_path(clip.frames()) < 1
    assert distance_from_path(clip.frames()[:1].expand(16, -1, -1, -1)) > 5


def test_the_new_object_is_recognized_and_not_one_of_minis():
    assert "heart" not in EMOJI
    for clip in clips("heart", 3):
        assert "heart" in clip.caption
        assert match_frame(clip.frames()[0], ALL_OBJECTS).object == "heart"


def test_hearts_are_counted():
    images = [clip.frames()[0] for clip in [*clips("heart", 1), *clips("zigzag", 1)]]
    assert hearts_in(torch.stack(images)) == 0.5


def test_clips_of_known_objects_are_added(tmp_path):
    write_clips("heart", tmp_path, count=2, known=3)
    (part,) = parts_of(str(tmp_path))
    captions = [video.caption for video in part.read(lambda name, reason: None)]
    assert captions == [clip.caption for clip in [*clips("heart", 2), *clips("known", 3)]]
    assert not any("heart" in clip.caption for clip in clips("known", 8))


def test_clips_are_written_with_captions_to_the_bit_and_the_evaluation_has_others(tmp_path):
    write_clips("zigzag", tmp_path, count=2)
    (part,) = parts_of(str(tmp_path))
    captions = [video.caption for video in part.read(lambda name, reason: None)]
    assert captions == [clip.caption for clip in clips("zigzag", 2)]
    import av

    with av.open(str(tmp_path / "zigzag_00.mkv")) as file:
        frames = torch.stack([torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)])
    assert torch.equal(frames, (clips("zigzag", 1)[0].frames() * 255).round().byte())
    assert not any(is_held_out(clip.scene) for clip in clips("zigzag", 8))
    assert all(is_held_out(clip.scene) for clip in clips("zigzag", 8, held_out=True))
