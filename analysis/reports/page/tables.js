"use strict";
// Tables that sort by any column and show the rows that hold some words, or one value of a key. Without scripts they are plain tables.
{
  const FEW_ROWS = 6; // below which nothing has to be filtered
  const MANY_VALUES = 40; // of a key, above which words find it faster than a list
  const MANY_WORDS = 9; // of another column of words

  const text = (row, column) => row.cells[column].textContent.trim();

  const compare = (one, other) => {
    const [a, b] = [parseFloat(one), parseFloat(other)]; // "0.31 ± 0.02" is 0.31
    if (one === "" || other === "") return (one === "") - (other === "") || 0;
    return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other) : a - b;
  };

  const sortable = table => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      const small = head.querySelector("small");
      button.type = "button";
      button.append(...[...head.childNodes].filter(node => node !== small));
      head.replaceChildren(button, ...(small ? [small] : []));
      button.onclick = () => {
        const down = head.ariaSort === "ascending";
        heads.forEach(other => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].sort((a, b) => {
          const [one, other] = [text(a, column), text(b, column)];
          return one === "" || other === "" ? compare(one, other) : (down ? -1 : 1) * compare(one, other); // empty ones last
        });
        body.append(...rows);
      };
    });
  };

  const filterable = (box, table) => {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < FEW_ROWS) return;
    const tools = document.createElement("div");
    const words = document.createElement("input");
    const said = document.createElement("span");
    const selects = [];
    tools.className = "tools";
    words.type = "search";
    words.placeholder = "words in a row";
    said.setAttribute("role", "status");
    const labelled = (name, control) => {
      const label = document.createElement("label");
      label.append(name, control);
      tools.append(label);
    };
    const apply = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      for (const row of rows) {
        const all = row.textContent.toLowerCase();
        const found = wanted.every(word => all.includes(word)) && selects.every(([select, column]) => !select.value || text(row, column) === select.value);
        row.hidden = !found;
        left += found;
      }
      said.textContent = `${left} of ${rows.length} rows`;
    };
    labelled("Filter", words);
    for (let column = 0; column < table.tHead.rows[0].cells.length; column++) {
      const values = [...new Set(rows.map(row => text(row, column)))];
      const key = column < Number(box.dataset.keys);
      if (values.length < 2 || values.length > (key ? MANY_VALUES : MANY_WORDS) || values.length === rows.length) continue;
      if (!key && values.some(value => value === "" || !Number.isNaN(parseFloat(value)))) continue; // numbers
      const select = document.createElement("select");
      select.append(new Option("all", ""), ...values.sort(compare).map(value => new Option(value, value)));
      selects.push([select, column]);
      labelled(table.tHead.rows[0].cells[column].querySelector("button").textContent, select);
      select.onchange = apply;
    }
    words.oninput = apply;
    tools.append(said);
    box.before(tools);
    apply();
  };

  for (const box of document.querySelectorAll(".scroll")) {
    const table = box.querySelector("table");
    sortable(table);
    filterable(box, table);
  }
}
