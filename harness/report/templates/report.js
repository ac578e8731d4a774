"use strict";

const root = document.documentElement;
const plots = [...document.querySelectorAll(".plot")].map((element) => ({
  element,
  figure: element.parentElement.querySelector("script").textContent,
}));

// Colors are names of CSS variables, so that the style sheet alone decides on light, dark and paper.
const colored = (key, value) => {
  const name = typeof value === "string" && /^var\((--[\w-]+)\)$/.exec(value);
  return name ? getComputedStyle(root).getPropertyValue(name[1]).trim() : value;
};

const draw = (width) => {
  for (const { element, figure } of plots) {
    const { data, layout } = JSON.parse(figure, colored);
    const size = width ? { width: element.clientWidth } : { autosize: true };
    Plotly.react(element, data, { ...layout, ...size }, { displayModeBar: false, responsive: true });
  }
};

// Paper has a width and a color of its own, and browsers tell of it beforehand.
addEventListener("beforeprint", () => {
  root.classList.add("paper");
  draw(true);
});
addEventListener("afterprint", () => {
  root.classList.remove("paper");
  draw(false);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(false));
draw(false);
