/** The video player on a node: plays in a loop, and a slider steps through the frames. */

import { translate } from "../language/translate.js";
import { html, svg } from "../page/elements.js";
import { fileText, frameAt, frameText, timeOf } from "./frames.js";

const PLAY = "M3 2L13 8L3 14Z";
const PAUSE = "M3 2H6.5V14H3ZM9.5 2H13V14H9.5Z";

/**
 * Elements that show a saved video or animation at `url`.
 * video: {filename, format (its MIME type), fps, frames, width, height}
 */
export function player(video, url) {
  const file = html("div", "hp-file", {}, fileText(video));
  const isVideo = video.format.startsWith("video/");
  const media = html(isVideo ? "video" : "img", "hp-media");
  media.addEventListener("error", () => {
    file.textContent = translate("{filename} no longer exists", video);
    media.remove();
  });
  if (isVideo) Object.assign(media, { autoplay: true, loop: true, muted: true, playsInline: true });
  else media.alt = video.filename;
  media.src = url;
  return isVideo ? [media, controls(media, video), file] : [media, file];
}

function controls(media, video) {
  const play = html("button", "hp-play", { type: "button" });
  const slider = html("input", "hp-slider", { type: "range", min: 0, max: video.frames - 1, step: 1, value: 0 });
  slider.setAttribute("aria-label", translate("Frame"));
  const time = html("span", "hp-time");
  const bar = html("div", "hp-bar", {}, play, slider, time);

  const show = (frame) => {
    slider.value = frame;
    slider.setAttribute("aria-valuetext", frameText(frame, video));
    time.textContent = frameText(frame, video);
  };
  const toggle = () => (media.paused ? media.play() : media.pause());
  const updateButton = () => {
    play.replaceChildren(icon(media.paused ? PLAY : PAUSE));
    play.setAttribute("aria-label", translate(media.paused ? "Play" : "Pause"));
  };

  slider.addEventListener("input", () => {
    media.pause();
    media.currentTime = timeOf(Number(slider.value), video.fps);
    show(Number(slider.value));
  });
  bar.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== " " || event.target === play) return;
    event.preventDefault();
    toggle();
  });
  play.addEventListener("click", toggle);
  media.addEventListener("click", toggle);
  for (const event of ["play", "pause"]) media.addEventListener(event, updateButton);
  for (const element of [slider, play]) element.addEventListener("pointerdown", (event) => event.stopPropagation());
  onFrame(media, (seconds) => media.paused || show(frameAt(seconds, video.fps, video.frames)));
  updateButton();
  show(0);
  return bar;
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
