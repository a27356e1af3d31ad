/** A pop-up menu for mouse, touch and keyboard. Only one is open at a time. */

import { html } from "../page/elements.js";

let close = () => {};

/**
 * Open a menu at x, y (client coordinates in pixels).
 * Items: null for a separator, or {label, run, checked?, disabled?, icon?}. `closed` is called when the menu closes.
 */
export function openMenu(items, { x, y, label, kind = "", closed = () => {} }) {
  close();
  const menu = html("div", `higen-menu ${kind}`, { role: "menu", "aria-label": label });
  menu.append(...items.map((item) => (item === null ? html("hr") : menuButton(item))));

  const closeOutside = (event) => menu.contains(event.target) || close();
  close = () => {
    close = () => {};
    window.removeEventListener("pointerdown", closeOutside, true);
    menu.remove();
    closed();
  };
  menu.addEventListener("keydown", handleKey);
  menu.addEventListener("contextmenu", (event) => event.preventDefault());
  window.addEventListener("pointerdown", closeOutside, true);
  document.body.append(menu);
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(4, Math.min(x, window.innerWidth - width - 4))}px`;
  menu.style.top = `${Math.max(4, Math.min(y, window.innerHeight - height - 4))}px`;
  menu.querySelector("button:enabled")?.focus();
}

function menuButton({ label, run, checked, disabled = false, icon }) {
  const role = checked === undefined ? "menuitem" : "menuitemradio";
  const element = html("button", "", { type: "button", role }, ...(icon ? [icon] : []), label);
  if (checked !== undefined) element.setAttribute("aria-checked", checked);
  element.disabled = disabled;
  element.addEventListener("click", () => {
    close();
    run();
  });
  return element;
}

function handleKey(event) {
  event.stopPropagation();
  const buttons = [...this.querySelectorAll("button:enabled")];
  const current = buttons.indexOf(document.activeElement);
  const next = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: -1 }[event.key];
  if (next !== undefined) buttons.at(next % buttons.length).focus();
  else if (event.key === "Escape" || event.key === "Tab") close();
  else return;
  event.preventDefault();
}
