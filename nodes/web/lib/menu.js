/** A small pop-up menu, usable with mouse, touch and keyboard. One is open at a time. */

import { svg } from "./draw.js";
import { curvePath } from "./geometry.js";

let close = () => {};

/** A thumbnail of a curve for a menu item. */
export function thumbnail(curve) {
  const plot = { left: 2, right: 32, px: (x) => 2 + 30 * x, py: (y) => 16 - 14 * y };
  return svg("svg", { viewBox: "0 0 34 18", "aria-hidden": "true" }, svg("path", { d: curvePath(curve, plot) }));
}

/**
 * Open a menu at a place on the screen.
 * Items: null for a rule, or {label, run, checked?, disabled?, icon?}. `closed` is called when it goes away.
 */
export function openMenu(items, { x, y, label, kind = "", closed = () => {} }) {
  close();
  const menu = document.createElement("div");
  menu.className = `higen-menu ${kind}`;
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", label);
  menu.append(...items.map((item) => (item === null ? document.createElement("hr") : button(item))));

  const outside = (event) => menu.contains(event.target) || close();
  close = () => {
    close = () => {};
    window.removeEventListener("pointerdown", outside, true);
    menu.remove();
    closed();
  };
  menu.addEventListener("keydown", keys);
  menu.addEventListener("contextmenu", (event) => event.preventDefault());
  window.addEventListener("pointerdown", outside, true);
  document.body.append(menu);
  const room = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(4, Math.min(x, window.innerWidth - room.width - 4))}px`;
  menu.style.top = `${Math.max(4, Math.min(y, window.innerHeight - room.height - 4))}px`;
  menu.querySelector("button:enabled")?.focus();
}

function button({ label, run, checked, disabled = false, icon }) {
  const element = document.createElement("button");
  element.type = "button";
  element.setAttribute("role", checked === undefined ? "menuitem" : "menuitemradio");
  if (checked !== undefined) element.setAttribute("aria-checked", checked);
  element.disabled = disabled;
  element.append(...(icon ? [icon] : []), label);
  element.addEventListener("click", () => {
    close();
    run();
  });
  return element;
}

function keys(event) {
  event.stopPropagation();
  const buttons = [...this.querySelectorAll("button:enabled")];
  const at = buttons.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (to !== undefined) buttons.at(to % buttons.length).focus();
  else if (event.key === "Escape" || event.key === "Tab") close();
  else return;
  event.preventDefault();
}
