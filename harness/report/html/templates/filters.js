// Hides the rows and figures that do not match the filters. The state of the filters is the query of the address, so that
// a link leads to what is shown. Without scripts the page shows everything.
"use strict";
const form = document.querySelector(".filters");
const [count, all] = [form.querySelector("output"), form.querySelector("a")];
const inputs = [...form.elements].filter((input) => input.name);
const entries = [...document.querySelectorAll("[data-facets]")];
const facets = new Map(entries.map((entry) => [entry, JSON.parse(entry.dataset.facets)]));

const isActive = (input) => (input.type === "checkbox" ? input.checked : input.value);

const matches = (facet, { name, value }) => {
  if (facet === undefined) return true;
  return name === "from" ? facet >= value : name === "to" ? facet <= value : facet === value;
};

const apply = () => {
  const active = inputs.filter(isActive);
  for (const entry of entries)
    entry.hidden = !active.every((input) => matches(facets.get(entry)[input.name], input));
  for (const section of document.querySelectorAll("section, details")) {
    const own = [...section.querySelectorAll("[data-facets]")];
    section.hidden = own.length > 0 && own.every((entry) => entry.hidden);
  }
  const shown = entries.filter((entry) => !entry.hidden).length;
  count.value = active.length ? `${shown} of ${entries.length} rows and figures match.` : "";
  all.hidden = !active.length;
};

const wanted = new URLSearchParams(location.search);
for (const input of inputs)
  if (input.type === "checkbox") input.checked = wanted.get(input.name) === input.value;
  else input.value = wanted.get(input.name) ?? "";
form.addEventListener("change", () => {
  const query = new URLSearchParams(inputs.filter(isActive).map((input) => [input.name, input.value]));
  history.replaceState(null, "", `${location.pathname}?${query}`);
  apply();
});
form.hidden = false;
apply();
