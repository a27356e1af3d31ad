/** The video player on a node: plays in a loop, a slider steps through the frames, and arrows through several videos. */

import { translate } from "../language/translate.js";
import { html, svg } from "../page/elements.js";
import { fileText, frameAt, frameText, timeOf } from "./frames.js";

const PLAY = "M3 2L13 8L3 14Z";
const PAUSE = "M3 2H6.5V14H3ZM9.5 2H13V14H9.5Z";
const SPEAKER = "M2 6H4.5L8 3V13L4.5 10H2Z";
const MUTED = `${SPEAKER}M10 5.5L14.5 10.5H13.5L9 5.5ZM13.5 5.5H14.5L10 10.5H9Z`;
const LOUD = `${SPEAKER}M9.5 5.5Q11.5 8 9.5 10.5L10.4 11.2Q13 8 10.4 4.8ZM11.6 3.8Q15 8 11.6 12.2L12.5 12.9Q16.4 8 12.5 3.1Z`;

/** As the user left a player, by the object of its video: undo, for example, makes the player anew. */
const left = new WeakMap(); // video -> {muted, stoppedAt: seconds, null while it plays}
const selected = new WeakMap(); // videos -> index of the one that is shown
const UNTOUCHED = { muted: true, stoppedAt: null };

/** Elements that show one of several videos of a run, with the count and arrows; or the only one. */
export function gallery(videos, urlOf) {
  if (videos.length === 1) return player(videos[0], urlOf(videos[0]));
  const stage = html("div", "hp-stage");
  const count = html("span", "hp-count", { "aria-live": "polite" });
  const show = (index) => {
    stage.replaceChildren(...player(videos[index], urlOf(videos[index])));
    count.textContent = `${index + 1}/${videos.length}`;
    stage.dataset.index = index;
    selected.set(videos, index);
  };
  const step = (by) => show((Number(stage.dataset.index) + by + videos.length) % videos.length);
  const arrows = [
    barButton("hp-arrow", "‹", translate("Previous video"), () => step(-1)),
    barButton("hp-arrow", "›", translate("Next video"), () => step(1)),
  ];
  show(selected.get(videos) ?? 0);
  return [stage, html("div", "hp-bar hp-gallery", {}, arrows[0], count, arrows[1])];
}

/**
 * Elements that show a saved video or animation at `url`.
 * video: {filename, format (its MIME type), fps, frames, width, height, audio (whether it has sound)}
 */
export function player(video, url) {
  const file = html("div", "hp-file", {}, fileText(video));
  const isVideo = video.format.startsWith("video/");
  const media = html(isVideo ? "video" : "img", "hp-media");
  media.addEventListener("error", () => {
    file.textContent = translate("{filename} no longer exists", video);
    media.remove();
  });
  const { muted, stoppedAt } = left.get(video) ?? UNTOUCHED;
  if (isVideo) Object.assign(media, { autoplay: stoppedAt === null, loop: true, muted, playsInline: true });
  else media.alt = video.filename;
  media.src = url;
  if (stoppedAt !== null) media.currentTime = stoppedAt;
  return isVideo ? [media, controls(media, video), file] : [media, file];
}

function controls(media, video) {
  const keep = (change) => left.set(video, { ...(left.get(video) ?? UNTOUCHED), ...change });
  const toggle = () => {
    keep({ stoppedAt: media.paused ? null : media.currentTime });
    if (media.paused) media.play();
    else media.pause();
  };
  const play = barButton("hp-play", "", "", toggle);
  const slider = html("input", "hp-slider", { type: "range", min: 0, max: video.frames - 1, step: 1, value: 0 });
  slider.setAttribute("aria-label", translate("Frame"));
  const time = html("span", "hp-time");
  const bar = html("div", "hp-bar", {}, play, slider, time, ...(video.audio ? [soundButton(media, keep)] : []));

  const show = (frame) => {
    slider.value = frame;
    slider.setAttribute("aria-valuetext", frameText(frame, video));
    time.textContent = frameText(frame, video);
  };
  const updateButton = () => {
    play.replaceChildren(icon(media.paused ? PLAY : PAUSE));
    play.setAttribute("aria-label", translate(media.paused ? "Play" : "Pause"));
  };

  slider.addEventListener("input", () => {
    media.pause();
    media.currentTime = timeOf(Number(slider.value), video.fps);
    keep({ stoppedAt: media.currentTime });
    show(Number(slider.value));
  });
  bar.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== " " || event.target !== slider) return;
    event.preventDefault();
    toggle();
  });
  media.addEventListener("click", toggle);
  for (const event of ["play", "pause"]) media.addEventListener(event, updateButton);
  slider.addEventListener("pointerdown", (event) => event.stopPropagation());
  onFrame(media, (seconds) => media.paused || show(frameAt(seconds, video.fps, video.frames)));
  updateButton();
  show(frameAt(media.currentTime, video.fps, video.frames));
  return bar;
}

/** Turns the sound on and off. Videos start without: browsers play no sound before the user acts. */
function soundButton(media, keep) {
  const button = barButton("hp-sound", "", "", () => {
    media.muted = !media.muted;
    keep({ muted: media.muted });
  });
  const update = () => {
    button.replaceChildren(icon(media.muted ? MUTED : LOUD));
    button.setAttribute("aria-label", translate(media.muted ? "Turn the sound on" : "Turn the sound off"));
  };
  media.addEventListener("volumechange", update);
  update();
  return button;
}

function barButton(kind, content, label, run) {
  const button = html("button", `hp-button ${kind}`, { type: "button", "aria-label": label }, content);
  button.addEventListener("click", run);
  button.addEventListener("pointerdown", (event) => event.stopPropagation());
  return button;
}

/** Call `callback(seconds)` for every frame that is displayed, or in an older browser as often as the time updates. */
function onFrame(media, callback) {
  if (!media.requestVideoFrameCallback) {
    media.addEventListener("timeupdate", () => callback(media.currentTime));
    return;
  }
  const next = (_, { mediaTime }) => {
    callback(mediaTime);
    media.requestVideoFrameCallback(next);
  };
  media.requestVideoFrameCallback(next);
}

const icon = (d) =>
  svg("svg", { viewBox: "0 0 16 16", width: 13, height: 13 }, svg("path", { d, fill: "currentColor" }));
