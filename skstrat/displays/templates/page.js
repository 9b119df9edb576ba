"use strict";
function compare(a, b, sign) {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
  const numbers = [Number(a), Number(b)];
  if (numbers.some(Number.isNaN)) return sign * a.localeCompare(b);
  return sign * (numbers[0] - numbers[1]);
}
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], original = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const first = header.dataset.first, now = header.getAttribute("aria-sort");
      const second = first === "ascending" ? "descending" : "ascending";
      const next = now === "none" ? first : now === first ? second : "none";
      for (const other of headers) other.setAttribute("aria-sort", "none");
      header.setAttribute("aria-sort", next);
      const sign = next === "descending" ? -1 : 1;
      const value = (row) => row.cells[column]?.dataset.v;
      const sorted = [...original];
      if (next !== "none") sorted.sort((a, b) => compare(value(a), value(b), sign));
      body.append(...sorted);
    });
  });
}
for (const code of document.querySelectorAll(".code")) {
  const button = document.createElement("button"), text = code.querySelector("pre");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  code.prepend(button);
  button.addEventListener("click", () => {
    getSelection().selectAllChildren(text);
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
  });
}
