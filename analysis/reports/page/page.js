"use strict";
// The switch of the theme, and buttons that copy; the contents are folded on narrow screens.
const dark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

{
  const button = document.getElementById("theme");
  const show = () => {
    button.textContent = dark() ? "Light theme" : "Dark theme";
    document.dispatchEvent(new Event("theme"));
  };
  button.hidden = false;
  button.onclick = () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    show();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();

  if (matchMedia("(max-width: 1100px)").matches) document.querySelector("nav details").open = false;

  for (const box of document.querySelectorAll(".code")) {
    const copy = document.createElement("button");
    copy.type = "button";
    copy.textContent = "Copy";
    copy.onclick = () => {
      getSelection().selectAllChildren(box.querySelector("pre"));
      copy.textContent = document.execCommand("copy") ? "Copied" : "Selected"; // works in a file, where the clipboard API may not
    };
    box.querySelector("figcaption").append(copy);
  }
}
