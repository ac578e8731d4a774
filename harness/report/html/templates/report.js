"use strict";

const root = document.documentElement;
const drawings = [...document.querySelectorAll(".drawing")].map((element) => ({
  element,
  figure: element.parentElement.querySelector("script").textContent,
}));

// Colors are names of CSS variables: the style sheet sets them for light, dark and paper.
const colored = (key, value) => {
  const name = typeof value === "string" && /^var\((--[\w-]+)\)$/.exec(value);
  return name ? getComputedStyle(root).getPropertyValue(name[1]).trim() : value;
};

const draw = () => {
  const onPaper = root.classList.contains("paper");
  for (const { element, figure } of drawings) {
    const { data, layout } = JSON.parse(figure, colored);
    const width = onPaper ? { width: element.clientWidth } : { autosize: true };
    Plotly.react(element, data, { ...layout, ...width }, { displayModeBar: false, responsive: true });
  }
};

// Paper has its own width and colors; browsers announce it with an event.
const putOnPaper = (really) => {
  root.classList.toggle("paper", really);
  draw();
};
addEventListener("beforeprint", () => putOnPaper(true));
addEventListener("afterprint", () => putOnPaper(false));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
