/** A video on a node: plays inline and loops; a slider steps through its frames. */

import { svg } from "./draw.js";
import { fileText, frameAt, frameText, timeOf } from "./frames.js";
import { say } from "./words.js";

/**
 * Elements that show a saved video or animation at `url`.
 * video: {filename, format (its MIME type), fps, frames, width, height}
 */
export function player(video, url) {
  const file = make("div", "hp-file", fileText(video));
  const moving = video.format.startsWith("video/");
  const screen = make(moving ? "video" : "img", "hp-screen");
  screen.addEventListener("error", () => {
    file.textContent = say("{filename} is no longer there", video);
    screen.remove();
  });
  if (moving) Object.assign(screen, { autoplay: true, loop: true, muted: true, playsInline: true });
  else screen.alt = video.filename;
  screen.src = url;
  return moving ? [screen, controls(screen, video), file] : [screen, file];
}

function controls(screen, video) {
  const bar = make("div", "hp-bar");
  const play = make("button", "hp-play");
  play.type = "button";
  const slider = make("input", "hp-slider");
  Object.assign(slider, { type: "range", min: 0, max: video.frames - 1, step: 1, value: 0 });
  slider.setAttribute("aria-label", say("Frame"));
  const words = make("span", "hp-words");

  const show = (frame) => {
    slider.value = frame;
    slider.setAttribute("aria-valuetext", frameText(frame, video));
    words.textContent = frameText(frame, video);
  };
  const toggle = () => (screen.paused ? screen.play() : screen.pause());
  const label = () => {
    play.replaceChildren(icon(screen.paused ? "M3 2L13 8L3 14Z" : "M3 2H6.5V14H3ZM9.5 2H13V14H9.5Z"));
    play.setAttribute("aria-label", say(screen.paused ? "Play" : "Pause"));
  };

  slider.addEventListener("input", () => {
    screen.pause();
    screen.currentTime = timeOf(Number(slider.value), video.fps);
    show(Number(slider.value));
  });
  bar.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== " " || event.target === play) return;
    event.preventDefault();
    toggle();
  });
  play.addEventListener("click", toggle);
  screen.addEventListener("click", toggle);
  for (const change of ["play", "pause"]) screen.addEventListener(change, label);
  for (const target of [slider, play]) target.addEventListener("pointerdown", (event) => event.stopPropagation());
  followFrames(screen, (seconds) => screen.paused || show(frameAt(seconds, video.fps, video.frames)));
  label();
  show(0);
  bar.append(play, slider, words);
  return bar;
}

/** Call `seen(seconds)` for every frame that comes on the screen, or as often as an older browser tells. */
function followFrames(screen, seen) {
  if (!screen.requestVideoFrameCallback) {
    screen.addEventListener("timeupdate", () => seen(screen.currentTime));
    return;
  }
  const next = (_, { mediaTime }) => {
    seen(mediaTime);
    screen.requestVideoFrameCallback(next);
  };
  screen.requestVideoFrameCallback(next);
}

const icon = (d) =>
  svg("svg", { viewBox: "0 0 16 16", width: 13, height: 13 }, svg("path", { d, fill: "currentColor" }));

function make(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}
