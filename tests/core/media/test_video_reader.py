"""Videos as timed frames, from tensors, iterables and files, and sources that are not videos."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from higen_core.media.video_reader import open_video, trimmed

from .. import videos

FRAMES = videos.square(torch.arange(20) * 2)


def read(source, fps=8.0, start=0.0):
    return list(open_video(source, fps).read(start))


def test_a_tensor_is_a_video_of_the_given_rate():
    video = open_video(FRAMES, 5.0)
    assert (video.name, video.rate, video.duration) == ("images", 5.0, 4.0)
    times, frames = zip(*video.read(0.0), strict=True)
    assert times == tuple(i / 5 for i in range(20))
    assert torch.equal(torch.stack(frames), FRAMES)


def test_an_iterator_has_no_known_duration():
    video = open_video(iter(FRAMES), 8.0)
    assert video.duration is None
    assert len(list(video.read(0.0))) == 20


def test_a_file_states_its_rate_and_duration(tmp_path):
    path = videos.write(tmp_path / "clip.mp4", FRAMES, fps=4)
    video = open_video(path, 25.0)
    assert (video.name, video.rate, video.duration) == (str(path), 4.0, 5.0)
    times, frames = zip(*video.read(0.0), strict=True)
    assert times == pytest.approx([i / 4 for i in range(20)], abs=1e-3)
    assert torch.equal(torch.stack(frames), torch.from_numpy(videos.pixels(path)).float() / 255)


def test_an_open_file_can_be_read_again(tmp_path):
    path = videos.write(tmp_path / "clip.mp4", FRAMES)
    with open(path, "rb") as file:
        video = open_video(file, 8.0)
        assert [len(list(video.read(0.0))) for _ in range(2)] == [20, 20]


def test_reading_starts_at_or_before_the_requested_time(tmp_path):
    path = videos.write(tmp_path / "clip.mp4", FRAMES, g="5")
    times = [seconds for seconds, _ in read(path, start=1.5)]
    assert 0 < times[0] <= 1.5
    assert len(times) < 20


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts", "mpg", "flv", "h264"])
def test_in_every_container_the_image_at_the_start_is_read(tmp_path, suffix):
    """Where there is no index, seeking lands after the start."""
    path = videos.write(tmp_path / f"clip.{suffix}", FRAMES, g="5")
    video = open_video(path, 8.0)
    start = 11 / video.rate
    (expected,) = (frame for seconds, frame in video.read(0.0) if seconds == pytest.approx(start, abs=2e-3))
    earlier = [frame for seconds, frame in video.read(start) if seconds < start + 2e-3]
    assert torch.equal(earlier[-1], expected)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
@pytest.mark.parametrize("silence", [0, 5])
def test_the_length_is_that_of_the_images(tmp_path, suffix, silence):
    path = videos.write(tmp_path / f"clip.{suffix}", FRAMES, silence=silence)
    video = open_video(path, 8.0)
    assert video.length() == pytest.approx(20 / 8, abs=2e-3)
    assert trimmed(video, 0.5, 0.0).length() == pytest.approx(2.0, abs=2e-3)


@pytest.mark.parametrize("milliseconds", [125, 40, 300])
def test_a_live_recording_has_the_rate_and_length_of_its_frames(tmp_path, milliseconds):
    path = videos.write_live(tmp_path / "live.webm", FRAMES, milliseconds)
    with av.open(str(path)) as container:
        assert (container.streams.video[0].average_rate, container.duration) == (1000, None)
    video = open_video(path, 8.0)
    assert video.rate == pytest.approx(1000 / milliseconds)
    assert video.duration is None
    assert video.length() == pytest.approx(20 * milliseconds / 1000)
    times, frames = zip(*video.read(0.0), strict=True)
    assert times == pytest.approx([i * milliseconds / 1000 for i in range(20)])
    assert torch.equal(torch.stack(frames), torch.from_numpy(videos.pixels(path)).float() / 255)
    assert torch.equal(list(video.read(times[11]))[-9][1], frames[11])


def test_a_pause_in_a_live_recording_is_not_its_rate(tmp_path):
    path = videos.write_live(tmp_path / "live.webm", FRAMES, 40, pause=28_000)
    assert open_video(path, 8.0).rate == pytest.approx(25)


def test_an_avi_states_its_rate_also_where_frames_are_left_out(tmp_path):
    """As recordings of a screen leave out those in which nothing changes."""
    path = tmp_path / "clip.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25, width=64, height=64, pix_fmt="yuvj420p")
        for time in (*range(4), *range(100, 116)):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), time, dtype=np.uint8), format="rgb24")
            frame.pts = time
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert open_video(path, 8.0).rate == 25


def test_a_clock_as_fast_as_the_frames_is_their_rate(tmp_path):
    """Its first packets are out of order, so that frames between them are missing."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w", options={"video_track_timescale": "25"}) as container:
        stream = container.add_stream("libx264", rate=25, width=64, height=64, options={"bf": "3", "b-adapt": "0"})
        for index in range(120):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), index * 2, dtype=np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        assert container.streams.video[0].time_base == Fraction(1, 25)
    assert open_video(path, 8.0).rate == 25


@pytest.mark.parametrize("frames", [1, 2])
def test_a_live_recording_of_few_frames_is_read(tmp_path, frames):
    assert len(read(videos.write_live(tmp_path / "live.webm", FRAMES[:frames]))) == frames


@pytest.mark.parametrize("title", ["Caf\xe9 Z\xfcrich".encode("latin-1"), "\u6625\u8282\u5feb\u4e50".encode("gbk")])
def test_a_title_in_any_encoding_is_no_obstacle(tmp_path, title):
    path = videos.write(tmp_path / "clip.mkv", FRAMES, title="T" * len(title))
    path.write_bytes(path.read_bytes().replace(b"T" * len(title), title))
    assert len(read(path)) == 20


@pytest.mark.parametrize(
    ("start", "duration", "kept"), [(0.5, 1.0, range(4, 12)), (0.55, 1.0, range(5, 13)), (1.5, 0.0, range(12, 20))]
)
def test_a_trimmed_video_is_a_video_of_its_own(tmp_path, start, duration, kept):
    path = videos.write(tmp_path / "clip.mp4", FRAMES, g="5")
    video = trimmed(open_video(path, 8.0), start, duration)
    assert video.duration == pytest.approx(duration or 20 / 8 - start)
    times, frames = zip(*video.read(0.0), strict=True)
    assert times == pytest.approx([i / 8 - start for i in kept], abs=1e-3)
    assert torch.equal(torch.stack(frames), torch.from_numpy(videos.pixels(path)[kept]).float() / 255)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (torch.zeros(0, 8, 8, 3), r"images must be \(frames, height, width, channels\), got \(0, 8, 8, 3\)"),
        (torch.zeros(8, 8, 3), r"images must be .* got \(8, 8, 3\)"),
        (torch.zeros(4, 8, 8, 2), r"frame 0 must be \(height, width, 1, 3 or 4 channels\), got \(8, 8, 2\)"),
        ([], "images: the video has no frames"),
        ([torch.zeros(8, 8, 3), torch.zeros(8, 6, 3)], "frame 1 is 6x8 pixels, the frames before are 8x8"),
        (255 * FRAMES, "frame 0 must have values in 0..1, got"),
        (3, "images must be a tensor, a list of images or the path of a video, got int"),
    ],
)
def test_invalid_frames_are_refused(source, message):
    with pytest.raises(ValueError, match=message):
        read(source)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_an_invalid_rate_is_refused(fps):
    with pytest.raises(ValueError, match="fps of the frames must be a positive number"):
        open_video(FRAMES, fps)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.mp4 does not exist"):
        open_video(tmp_path / "nowhere.mp4", 8.0)


@pytest.mark.parametrize("content", [b"", b"this is no video"])
def test_a_file_that_is_not_a_video_is_named(tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"clip\.mp4 cannot be read as a video"):
        open_video(path, 8.0)


def test_a_sound_file_has_no_video_track(tmp_path):
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match=r"sound\.wav has no video track"):
        open_video(path, 8.0)


@pytest.mark.parametrize(("degrees", "quarters"), [(90, 1), (180, 2), (270, 3)])
def test_a_video_is_read_upright_as_players_show_it(tmp_path, degrees, quarters):
    """Counterclockwise, as ComfyUI's own reader turns it."""
    wide = torch.cat([FRAMES, FRAMES[:, :, :32]], dim=2)[:4]
    path = videos.write(tmp_path / "phone.mp4", wide)
    lying = torch.from_numpy(videos.pixels(path)).float() / 255
    _, frames = zip(*read(videos.rotated(path, degrees)), strict=True)
    assert torch.equal(torch.stack(frames), lying.rot90(quarters, dims=(1, 2)))


def test_a_color_hidden_by_the_alpha_of_a_file_is_read_as_black(tmp_path):
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:, 8:, 3] = 255
    with av.open(str(tmp_path / "alpha.mov"), "w") as container:
        stream = container.add_stream("qtrle", rate=8)
        stream.height, stream.width, stream.pix_fmt = 16, 16, "argb"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="argb")))
        container.mux(stream.encode(None))
    _, frame = read(tmp_path / "alpha.mov")[0]
    assert torch.equal((frame * 255).round(), torch.from_numpy(pixels[..., :3] * (pixels[..., 3:] // 255)).float())
