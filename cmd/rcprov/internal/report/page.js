"use strict";
for (const e of document.querySelectorAll(".js")) e.hidden = false;
const fold = open => { for (const e of document.querySelectorAll(".changes details")) e.open = open; };
document.getElementById("open").onclick = () => fold(true);
document.getElementById("close").onclick = () => fold(false);
const filter = document.getElementById("filter");
if (filter) filter.oninput = () => {
  const words = filter.value.toLowerCase();
  for (const row of document.querySelectorAll("tbody tr:not(.play)"))
    row.hidden = !row.cells[0].textContent.toLowerCase().includes(words);
};
const reveal = () => {
  let e = location.hash && document.getElementById(location.hash.slice(1));
  if (!e) return;
  for (let d = e.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
  e.scrollIntoView({block: "nearest"});
};
addEventListener("hashchange", reveal);
reveal();
